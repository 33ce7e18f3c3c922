//go:build race

package interruption

// underRace tells that the race detector slows everything down.
const underRace = true
