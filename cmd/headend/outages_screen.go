package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rivo/uniseg"
	"golang.org/x/term"

	"lastgasp/headend"
	"lastgasp/headend/api"
)

// screen prints outages: in colour and cut to the width on a terminal, whole and plain elsewhere.
type screen struct {
	out     io.Writer
	file    *os.File // nil: no terminal
	colour  bool
	zone    *time.Location
	painted bool
}

func newScreen(out io.Writer, environment []string, zone *time.Location) *screen {
	s := &screen{out: out, zone: zone}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.file = f
		s.colour = !slices.ContainsFunc(environment, func(e string) bool { return strings.HasPrefix(e, "NO_COLOR=") && e != "NO_COLOR=" || e == "TERM=dumb" })
	}
	return s
}

// size of the terminal in columns and lines; 0, 0 where there is none.
func (s *screen) size() (width, height int) {
	if s.file == nil {
		return 0, 0
	}
	width, height, err := term.GetSize(int(s.file.Fd()))
	if err != nil || width < 20 || height < 5 {
		return 80, 24
	}
	return width, height
}

// list prints outages as a table, one line each.
func (s *screen) list(outages []api.Outage, all bool, now time.Time) error {
	if len(outages) == 0 {
		_, err := fmt.Fprintln(s.out, noOutages(all))
		return err
	}
	width, _ := s.size()
	_, err := fmt.Fprintln(s.out, strings.Join(s.table(outages, now, width), "\n"))
	return err
}

func noOutages(all bool) string {
	if all {
		return "No outages."
	}
	return "No open outages."
}

// Columns of the table.
const (
	columnNumber = iota
	columnState
	columnSince
	columnFor
	columnPlace
	columnOut
	columnWhy
	columns
)

// table makes the lines of the table with its head, at most width columns wide; 0 for any.
func (s *screen) table(outages []api.Outage, now time.Time, width int) []string {
	rows := [][columns]string{{"NO", "STATE", "SINCE", "FOR", "PLACE", "OUT", "WHY"}}
	for i := range outages {
		rows = append(rows, s.cells(&outages[i], now))
	}
	widths := [columns]int{}
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	fit(&widths, width)
	lines := make([]string, len(rows))
	for i, r := range rows {
		state := ""
		if i > 0 {
			state = outages[i-1].State
		}
		lines[i] = s.line(r, widths, state)
	}
	return lines
}

// fit narrows the two columns of words so that a line has at most width columns.
func fit(widths *[columns]int, width int) {
	if width == 0 {
		return
	}
	rest := width - 2*(columns-1)
	for i, w := range widths {
		if i != columnPlace && i != columnWhy {
			rest -= w
		}
	}
	widths[columnPlace] = min(widths[columnPlace], max(12, rest*2/5, rest-widths[columnWhy]))
	widths[columnWhy] = max(8, min(widths[columnWhy], rest-widths[columnPlace]))
}

// cells are what the table says of an outage.
func (s *screen) cells(o *api.Outage, now time.Time) (c [columns]string) {
	c[columnNumber] = fmt.Sprint(o.Number)
	c[columnState] = o.State
	c[columnSince], c[columnFor] = "?", "?"
	if o.Start != nil {
		end := now
		if o.End != nil {
			end = *o.End
		}
		c[columnSince], c[columnFor] = s.since(*o.Start, now), span(end.Sub(*o.Start))
	}
	c[columnPlace] = place(o)
	c[columnOut] = fmt.Sprintf("%d/%d", o.Out, o.Customers)
	c[columnWhy] = plain(o.Summary)
	if o.State == string(headend.OutageWithdrawn) && o.Reason != "" {
		c[columnWhy] = plain(o.Reason)
	}
	return c
}

// place is the id and the name of where an outage is.
func place(o *api.Outage) string {
	id := o.Node
	if id == "" {
		id = o.UsagePoint
	}
	if o.Name != "" {
		id += " " + o.Name
	}
	if o.Part {
		id = "part of " + id
	}
	return plain(id)
}

// since is a time of today as hours and minutes, and of another day with it, in the utility's zone.
func (s *screen) since(t, now time.Time) string {
	t, now = t.In(s.zone), now.In(s.zone)
	switch {
	case t.Year() != now.Year():
		return t.Format("2006-01-02 15:04")
	case t.YearDay() != now.YearDay():
		return t.Format("01-02 15:04")
	}
	return t.Format("15:04")
}

// span is a length of time in at most six characters.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02d", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d", d/(24*time.Hour))
}

// line sets the cells of a line, the state in its colour.
func (s *screen) line(cells [columns]string, widths [columns]int, state string) string {
	var b strings.Builder
	for i, cell := range cells {
		cell = cut(cell, widths[i])
		pad := strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell))
		switch i {
		case columnNumber, columnFor, columnOut:
			b.WriteString(pad + cell)
		case columnState:
			b.WriteString(s.coloured(cell, state) + pad)
		case columnWhy:
			b.WriteString(cell)
		default:
			b.WriteString(cell + pad)
		}
		if i != columnWhy {
			b.WriteString("  ")
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// cut shortens text to a width, with an ellipsis.
func cut(text string, width int) string {
	if uniseg.StringWidth(text) <= width {
		return text
	}
	var b strings.Builder
	used := 0
	for g := uniseg.NewGraphemes(text); g.Next() && used+g.Width() < width; used += g.Width() {
		b.WriteString(g.Str())
	}
	return strings.TrimRight(b.String(), " ") + "…"
}

// plain takes out what would move the cursor: what devices and registries say is printed, not obeyed.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

var stateColours = map[string]string{"suspected": "33", "confirmed": "1;31", "restored": "32", "closed": "2", "withdrawn": "2"}

func (s *screen) coloured(text, state string) string {
	code := stateColours[state]
	if !s.colour || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// begin prints the list with which a watch begins, where it is not painted.
func (s *screen) begin(outages []api.Outage, all bool, now time.Time) error {
	if s.file != nil {
		return nil
	}
	return s.list(outages, all, now)
}

// change prints a line for a change, where the list is not painted.
func (s *screen) change(o *api.Outage, now time.Time) error {
	if s.file != nil {
		return nil
	}
	c := s.cells(o, now)
	_, err := fmt.Fprintf(s.out, "%s  %s  %s  since %s  %s  %s  %s\n", now.In(s.zone).Format("15:04:05"), c[columnNumber], c[columnState], c[columnSince],
		c[columnPlace], c[columnOut], c[columnWhy])
	return err
}

// paint puts the list over the one before, as much of it as the terminal has room for.
func (s *screen) paint(outages []api.Outage, all bool, trouble string, now time.Time) error {
	if s.file == nil {
		return nil
	}
	width, height := s.size()
	lines := []string{noOutages(all)}
	if len(outages) > 0 {
		room := max(height-3, 1)
		lines = s.table(outages[:min(len(outages), room)], now, width)
		if over := len(outages) - room; over > 0 {
			lines = append(lines[:len(lines)-1], fmt.Sprintf("… and %d more", over+1))
		}
	}
	open, out := 0, 0
	for i := range outages {
		if headend.OutageState(outages[i].State).Open() {
			open++
			out += outages[i].Out
		}
	}
	status := fmt.Sprintf("%s  %d open, %d customers out. Ctrl-C ends.", now.In(s.zone).Format("15:04:05"), open, out)
	if trouble != "" {
		status = s.coloured(cut("Not up to date: "+plain(trouble), width-1), "confirmed")
	}
	var b strings.Builder
	if !s.painted {
		b.WriteString("\x1b[2J")
		s.painted = true
	}
	b.WriteString("\x1b[H")
	for _, l := range append(lines, status) {
		b.WriteString(l + "\x1b[K\r\n")
	}
	b.WriteString("\x1b[J")
	_, err := io.WriteString(s.out, b.String())
	return err
}
