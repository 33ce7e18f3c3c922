//go:build race

package reliability

import "flag"

// underRace tells that the race detector slows everything down.
const underRace = true

// The books are made by one goroutine; under the race detector a few of the random cases are enough. `make test` runs all without it as well.
func init() {
	if err := flag.Set("rapid.checks", "15"); err != nil {
		panic(err)
	}
}
