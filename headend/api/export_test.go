package api

import "time"

// Hurry makes a stream impatient: tests do not wait for a quarter of a minute.
func (a *API) Hurry(heartbeat, patience time.Duration) {
	a.stream.heartbeat, a.stream.patience = heartbeat, patience
}

// Hasten has the server wait less for what clients send.
func (a *API) Hasten(header, request time.Duration) { a.slowest = slowest{header, request} }

// MostRemembered is how many changed outages are told one by one.
const MostRemembered = mostRemembered

// Following is how many clients follow the stream.
func (a *API) Following() int {
	a.stream.mu.Lock()
	defer a.stream.mu.Unlock()
	return a.stream.clients
}
