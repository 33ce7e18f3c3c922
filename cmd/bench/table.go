package main

import (
	"fmt"
	"io"
	"os"
)

// line is one measurement beside its limit.
type line struct {
	what    string
	value   float64 // per second
	limit   float64 // per second, in the same run
	limited string  // what the limit is
	aim     string
	cpu     map[string]float64 // µs of CPU a message, by process
}

type table struct{ lines []line }

func (t *table) add(l line) {
	fmt.Fprintf(os.Stderr, "%s: %s/s\n", l.what, thousands(l.value))
	t.lines = append(t.lines, l)
}

func (t *table) print(w io.Writer) {
	fmt.Fprintln(w, "\n| what | measured | limit in the same run | ratio | aim | CPU, µs a message |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|")
	for _, l := range t.lines {
		cpu := ""
		for _, name := range []string{"head-end", "PostgreSQL", "Mosquitto", "load"} {
			if v, there := l.cpu[name]; there {
				if cpu != "" {
					cpu += ", "
				}
				cpu += fmt.Sprintf("%s %.1f", name, v)
			}
		}
		fmt.Fprintf(w, "| %s | %s/s | %s: %s/s | %.0f %% | %s | %s |\n", l.what, thousands(l.value), l.limited, thousands(l.limit), 100*l.value/l.limit, l.aim, cpu)
	}
}

func thousands(v float64) string {
	if v < 10_000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.0f k", v/1000)
}
