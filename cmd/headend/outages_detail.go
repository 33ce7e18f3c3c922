package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"lastgasp/headend/api"
)

// detail prints one outage: what it is, why it is known, how it came back, how it was seen to grow, what was decided.
func (s *screen) detail(o *api.OutageDetail, now time.Time) error {
	width, _ := s.size()
	if width == 0 {
		width = 100
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Outage %d: %s, %s\n\n", o.Number, s.coloured(o.State, o.State), s.lasted(&o.Outage, now))
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range s.facts(&o.Outage) {
		if f.value != "" {
			fmt.Fprintf(table, "%s\t%s\n", f.name, cut(plain(f.value), width-12))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	part(&b, "Why", lines(o.Trail, func(t string) string { return wrapped(plain(t), width-2, "  ") }))
	part(&b, "Came back", lines(o.Steps, func(t api.OutageStep) string {
		below := ""
		if t.Node != "" {
			below = " below " + t.Node
		}
		return fmt.Sprintf("%s  %d%s, %d still out", t.At.In(s.zone).Format(dayAndTime), t.Back, plain(below), t.Still)
	}))
	part(&b, "How it was seen", lines(milestones(o.Changes), func(c api.OutageChange) string {
		return cut(fmt.Sprintf("%s  %-9s  %s  %d out of %d  %s", c.At.In(s.zone).Format(dayAndTime), c.State, plain(c.Node), c.Out, c.Customers, plain(c.Summary)), width-2)
	}))
	part(&b, "Decided by operators", lines(o.Decisions, func(d api.Decision) string { return wrapped(s.decision(d, o.Number), width-2, "  ") }))
	_, err := fmt.Fprint(s.out, b.String())
	return err
}

// milestones are the changes of state, place or numbers; growing evidence alone is none.
func milestones(changes []api.OutageChange) (out []api.OutageChange) {
	for _, c := range changes {
		if n := len(out); n == 0 || out[n-1].State != c.State || out[n-1].Node != c.Node || out[n-1].Customers != c.Customers || out[n-1].Out != c.Out {
			out = append(out, c)
		}
	}
	return out
}

type fact struct{ name, value string }

// facts are what is known of an outage, in the order of interest; those without a value are left out.
func (s *screen) facts(o *api.Outage) []fact {
	customers := fmt.Sprintf("%d out of %d interrupted", o.Out, o.Customers)
	if inferred := o.Customers - o.Seen; inferred > 0 {
		customers += fmt.Sprintf("; %d of them inferred from their neighbours", inferred)
	}
	planned := ""
	if o.Planned {
		planned = strings.TrimSpace("yes " + o.Plan)
		if o.OverrunSeconds > 0 {
			planned += ", overrun by " + span(time.Duration(o.OverrunSeconds*float64(time.Second)))
		}
	}
	return []fact{
		{"Place", place(o)},
		{"Customers", customers},
		{"Phases", o.Phases},
		{"Start", s.moment(o.Start)},
		{"End", s.moment(o.End)},
		{"Probable", percent(o.Probability)},
		{"Cause", o.Cause},
		{"Planned", planned},
		{"Own", yes(o.Own, "the fault was in a customer's own installation")},
		{"Declared", yes(o.Declared, "force majeure")},
		{"Reference", o.Reference},
		{"Withdrawn", o.Reason},
		{"Summary", o.Summary},
		{"Revision", fmt.Sprintf("%d of the ledger, %s", o.Revision, s.moment(&o.Changed))},
	}
}

// percent never says that something is certain.
func percent(p float64) string {
	switch {
	case p > 0.9999:
		return "more than 99.99 %"
	case p < 0.0001:
		return "less than 0.01 %"
	}
	return fmt.Sprintf("%.4g %%", 100*p)
}

func yes(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

// lasted says since when and how long.
func (s *screen) lasted(o *api.Outage, now time.Time) string {
	switch {
	case o.Start == nil && o.End == nil:
		return "nobody knows since when"
	case o.Start == nil:
		return "until " + s.moment(o.End) + ", nobody knows since when"
	case o.End == nil:
		return "since " + s.since(*o.Start, now) + ", for " + span(now.Sub(*o.Start))
	}
	return s.since(*o.Start, now) + " to " + s.since(*o.End, now) + ", for " + span(o.End.Sub(*o.Start))
}

func (s *screen) moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.In(s.zone).Format("2006-01-02 15:04:05 -07:00")
}

// dayAndTime is how moments within an outage are printed: the year stands above.
const dayAndTime = "01-02 15:04:05"

// part prints a heading and what stands below it; nothing where there is nothing.
func part(b *strings.Builder, heading string, all []string) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", heading)
	for _, l := range all {
		fmt.Fprintf(b, "  %s\n", l)
	}
}

func lines[Of any](all []Of, line func(Of) string) []string {
	out := make([]string, len(all))
	for i := range all {
		out[i] = line(all[i])
	}
	return out
}

// decision is what was decided, by whom and why.
func (s *screen) decision(d api.Decision, outage int64) string {
	what := strings.ReplaceAll(d.Kind, "_", " ")
	switch {
	case d.Kind == "cause" && d.Cause == "":
		what = "cause not known"
	case d.Kind == "cause":
		what += " " + d.Cause
	case d.SplitAt != "":
		what += " at " + d.SplitAt
	case d.Merged == outage:
		what = fmt.Sprintf("merged into outage %d", d.Outage)
	case d.Merged != 0:
		what += fmt.Sprintf(" with outage %d", d.Merged)
	case d.Kind == "own" || d.Kind == "not_own":
		what += " " + d.UsagePoint
	}
	text := d.Made.In(s.zone).Format(dayAndTime) + "  " + d.By + ": " + what
	if d.Note != "" {
		text += " (" + d.Note + ")"
	}
	return plain(text)
}

// wrapped breaks text into lines at blanks; those after the first begin with indent and hang below it.
func wrapped(text string, width int, indent string) string {
	var b strings.Builder
	used := 0
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case used+1+n > width:
			b.WriteString("\n  " + indent)
			used = len(indent)
		default:
			b.WriteString(" ")
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}
