//go:build !unix

package modbus

// gone cannot be told here: a closed peer shows when a request is written to it.
func (p *peer) gone() bool { return false }
