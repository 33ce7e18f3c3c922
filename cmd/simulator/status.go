package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// status keeps one line on a terminal up to date; where standard error is no terminal it prints the line every half minute.
type status struct {
	end   chan struct{}
	group sync.WaitGroup
}

// newStatus starts showing line.
func newStatus(every time.Duration, line func() string) *status {
	s := &status{end: make(chan struct{})}
	terminal := term.IsTerminal(int(os.Stderr.Fd()))
	if !terminal {
		every = 30 * time.Second
	}
	s.group.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-s.end:
				if terminal {
					fmt.Fprint(os.Stderr, "\r\x1b[K")
				}
				return
			case <-ticker.C:
				if terminal {
					fmt.Fprint(os.Stderr, "\r\x1b[K"+line())
				} else {
					fmt.Fprintln(os.Stderr, line())
				}
			}
		}
	})
	return s
}

// stop takes the line away.
func (s *status) stop() {
	close(s.end)
	s.group.Wait()
}
