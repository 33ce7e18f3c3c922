package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// sheet is the result of one scenario: a line for each rate of loss.
type sheet struct {
	title string
	lines []line
}

type line struct {
	head string
	score
}

// print writes the tables, for a terminal or as Markdown.
func (s *sheet) print(w io.Writer, markdown bool) error {
	return s.write(w, func(rows [][]string) string {
		if markdown {
			return markdownTable(rows)
		}
		return plainTable(rows)
	}, markdown)
}

func (s *sheet) write(w io.Writer, table func([][]string) string, markdown bool) error {
	title := s.title
	if markdown {
		title = "### " + title
	}
	if _, err := fmt.Fprintf(w, "%s\n\n", title); err != nil {
		return err
	}
	s.lines = slices.DeleteFunc(s.lines, func(l line) bool { return l.runs == 0 }) // broken off before
	tables := [][][]string{s.silent()}
	if slices.ContainsFunc(s.lines, func(l line) bool { return l.truth > 0 }) {
		tables = [][][]string{s.ledger(), s.naming(), s.rest()}
	}
	for _, rows := range tables {
		if _, err := fmt.Fprintf(w, "%s\n", table(rows)); err != nil {
			return err
		}
	}
	return nil
}

// ledger is what was found, and how well.
func (s *sheet) ledger() [][]string {
	rows := [][]string{{"lost", "seeds", "customer interruptions", "found", "missed", "false", "F1", "start, median", "p95", "end, median", "p95", "CI", "CMI",
		"shown after first gasp, median", "p95", "not shown"}}
	for i := range s.lines {
		l := &s.lines[i]
		rows = append(rows, []string{l.head, num(l.runs), num(l.truth), num(l.found), num(l.missed), num(l.false), fmt.Sprintf("%.4f", l.f1()),
			quantile(l.starts, 0.5), quantile(l.starts, 0.95), quantile(l.ends, 0.5), quantile(l.ends, 0.95),
			fmt.Sprintf("%+.2f %%", percent(float64(l.told), float64(l.truth))), fmt.Sprintf("%+.2f %%", percent(float64(l.minutesTold), float64(l.minutes))),
			quantile(l.detected, 0.5), quantile(l.detected, 0.95), fmt.Sprintf("%d of %d", l.unseen, l.unseen+len(l.detected))})
	}
	return rows
}

// naming is how places were named, by class.
func (s *sheet) naming() [][]string {
	classes := map[string]bool{}
	for i := range s.lines {
		for class := range s.lines[i].classes {
			classes[class] = true
		}
	}
	names := slices.Sorted(maps.Keys(classes))
	rows := [][]string{append([]string{"lost: right / one level off / wrong", "all"}, names...)}
	cell := func(n *naming) string {
		if n == nil || n.sum() == 0 {
			return "-"
		}
		return fmt.Sprintf("%d / %d / %d (%.0f %%)", n.right, n.near, n.wrong, 100*float64(n.right)/float64(n.sum()))
	}
	for i := range s.lines {
		l, all := &s.lines[i], naming{}
		row := []string{l.head, ""}
		for _, class := range names {
			row = append(row, cell(l.classes[class]))
			if n := l.classes[class]; n != nil {
				all.right, all.near, all.wrong = all.right+n.right, all.near+n.near, all.wrong+n.wrong
			}
		}
		row[1] = cell(&all)
		rows = append(rows, row)
	}
	return rows
}

// rest is what else can go wrong.
func (s *sheet) rest() [][]string {
	rows := [][]string{{"lost", "outages told", "of them, nothing true behind", "shown and taken back", "by planned cuts, found", "called planned", "wrongly called planned"}}
	for i := range s.lines {
		l := &s.lines[i]
		rows = append(rows, []string{l.head, num(l.outages), num(l.ghosts), num(l.passing), num(l.planned), num(l.plannedRight), num(l.plannedWrong)})
	}
	return rows
}

// silent is the sheet of a scenario in which nobody loses supply.
func (s *sheet) silent() [][]string {
	rows := [][]string{{"lost", "seeds", "outages made (must be 0)", "interruptions made", "outages shown and taken back"}}
	for i := range s.lines {
		l := &s.lines[i]
		rows = append(rows, []string{l.head, num(l.runs), num(l.outages), num(l.false), num(l.passing)})
	}
	return rows
}

func num(n int) string { return fmt.Sprint(n) }

// quantile is the value below which the share lies, in seconds or minutes; "-" of nothing.
func quantile(list []time.Duration, share float64) string {
	if len(list) == 0 {
		return "-"
	}
	slices.Sort(list)
	switch d := list[min(int(share*float64(len(list))), len(list)-1)]; {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 10*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	default:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
}

func markdownTable(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return b.String()
}

// plainTable sets columns below each other. Words of the header stand one below the other, so that numbers stay near.
func plainTable(rows [][]string) string {
	width := make([]int, len(rows[0]))
	var heads [][]string
	tall := 0
	for i, head := range rows[0] {
		words := strings.Fields(head)
		heads = append(heads, words)
		tall = max(tall, len(words))
		for _, w := range words {
			width[i] = max(width[i], utf8.RuneCountInString(w))
		}
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	put := func(cells []string) {
		for i, cell := range cells {
			b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)) + cell + "  ")
		}
		b.WriteString("\n")
	}
	for k := range tall {
		cells := make([]string, len(heads))
		for i, words := range heads {
			if at := k - (tall - len(words)); at >= 0 {
				cells[i] = words[at]
			}
		}
		put(cells)
	}
	for _, row := range rows[1:] {
		put(row)
	}
	return b.String()
}
