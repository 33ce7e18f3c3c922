//go:build !race

package interruption

const underRace = false
