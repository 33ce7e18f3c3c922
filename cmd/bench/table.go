package main

import (
	"fmt"
	"io"
	"os"
	"time"
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

// pollLine is a measurement of polling beside a plain loop.
type pollLine struct {
	interval time.Duration
	polled   polling
	plain    polling
	core     float64 // units one core carries
	loop     float64 // units the loop gets round to in the interval
	aim      string
}

type table struct {
	lines    []line
	polls    []pollLine
	detected []detected
	billed   []billedLine
	exports  []exportLine
}

func (t *table) addPolls(l pollLine) {
	fmt.Fprintf(os.Stderr, "Modbus every %s: %s of CPU a poll\n", l.interval, l.polled.each())
	t.polls = append(t.polls, l)
}

// printPolls prints what the units of a core and the CPU of a poll are, each beside the loop's.
func (t *table) printPolls(w io.Writer) {
	fmt.Fprintln(w, "\n| Modbus, replies after 20 ms | units a core carries | plain loop on one connection | ratio | aim | polled in this run | missed | CPU, µs a poll | of the loop | ratio |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|")
	for _, l := range t.polls {
		fmt.Fprintf(w, "| every %s | %s | %s | %.0f × | %s | %s units with %.0f %% of a core | %d | %.0f | %.0f | %.2f |\n", l.interval, thousands(l.core), thousands(l.loop), l.core/l.loop,
			l.aim, thousands(modbusUnits), 100*l.polled.cpu.Seconds()/l.polled.took.Seconds(), l.polled.missed,
			float64(l.polled.each().Nanoseconds())/1e3, float64(l.plain.each().Nanoseconds())/1e3, float64(l.polled.each())/float64(l.plain.each()))
	}
}

func (t *table) add(l line) {
	fmt.Fprintf(os.Stderr, "%s: %s/s\n", l.what, thousands(l.value))
	t.lines = append(t.lines, l)
}

func (t *table) print(w io.Writer) {
	if len(t.lines) > 0 {
		t.printLines(w)
	}
	if len(t.polls) > 0 {
		t.printPolls(w)
	}
	if len(t.detected) > 0 {
		t.printDetected(w)
	}
	if len(t.exports) > 0 {
		t.printExports(w)
	}
	if len(t.billed) > 0 {
		t.printBilled(w)
	}
}

// printBilled prints what billing asks of the store.
func (t *table) printBilled(w io.Writer) {
	fmt.Fprintf(w, "\n| billing, %s usage points | measured | beside it in the same run | ratio | aim |\n|---|---|---|---|---|\n", thousands(billedPoints))
	for _, l := range t.billed {
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", l.what, l.measured, l.beside, l.ratio, l.aim)
	}
}

// printDetected prints what the detector takes in, in processor time: it has no limit but the processor.
func (t *table) printDetected(w io.Writer) {
	fmt.Fprintf(w, "\n| detector, %s usage points | a second of CPU | aim | |\n|---|---|---|---|\n", thousands(detectorAll))
	for _, d := range t.detected {
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", d.what, thousands(d.rate), d.aim, d.note)
	}
}

func (t *table) printLines(w io.Writer) {
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
