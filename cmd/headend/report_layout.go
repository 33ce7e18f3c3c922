package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"lastgasp/headend/reliability"
	"lastgasp/headend/reliability/books"
)

// reliabilitySheet lays a report out as EVN has it, or as IEEE 1366 names the indices.
func reliabilitySheet(r *books.Report, layout string, w words) *sheet {
	s := &sheet{title: w["reliability"], notes: []string{
		fmt.Sprintf(w["period"], r.Period.From, r.Period.To-1, r.Policy, r.Digest),
		fmt.Sprintf(w["source"], r.Revision, r.AsOf.Format("2006-01-02 15:04:05Z07:00"))}}
	if r.NotServed > 0 {
		s.notes = append(s.notes, fmt.Sprintf(w["not served"], r.NotServed))
	}
	for _, cause := range slices.Sorted(maps.Keys(r.Unlisted)) {
		s.notes = append(s.notes, fmt.Sprintf(w["unlisted"], cause, r.Unlisted[cause]))
	}
	for i := range r.Rows {
		if r.Rows[i].Statement.All.Provisional.CI > 0 {
			s.notes = append(s.notes, w["provisional"])
			break
		}
	}
	if layout == "evn" {
		evn(s, r, w)
	} else {
		ieee(s, r, w)
	}
	return s
}

// firstCells name the unit, and the month where rows are months.
func firstCells(r *books.Row) []cell {
	cells := []cell{textCell(strings.Repeat("  ", r.Level) + r.ID), textCell(r.Name)}
	if r.Month != "" {
		cells = append(cells, textCell(r.Month))
	}
	return cells
}

func firstHeader(monthly bool, w words) []string {
	header := []string{w["unit"], w["name"]}
	if monthly {
		header = append(header, w["month"])
	}
	return header
}

// evn is four lines a unit: fault, planned, transmission, total; the total with plan, cumulative and last year.
func evn(s *sheet, r *books.Report, w words) {
	s.header = append(firstHeader(r.Monthly, w), w["line"], w["customers"], w["mi count"], w["mi"], "MAIFI", w["count"], w["ci"], w["cmi"], "SAIFI", "SAIDI")
	for _, key := range []string{"plan", "cumulative", "last year"} {
		s.header = append(s.header, w[key]+"MAIFI", w[key]+"SAIFI", w[key]+"SAIDI")
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		x := row.Statement.All
		for _, l := range x.Lines {
			name := w[l.Line]
			if name == "" {
				name = l.Line
			}
			s.rows = append(s.rows, append(evnLine(row, name, x.Customers, l.MI, l.CI, l.CMI, l.MAIFI, l.SAIFI, l.SAIDI, l.Line), nines()...))
		}
		total := evnLine(row, w["total"], x.Customers, x.MI, x.CI, x.CMI, x.MAIFI, x.SAIFI, x.SAIDI, "")
		for _, b := range []func(index string) reliability.Ratio{row.Target, brief(row.YearToDate), brief(row.LastYear)} {
			total = append(total, figureCell(b("maifi"), 4), figureCell(b("saifi"), 4), figureCell(b("saidi"), 2))
		}
		s.rows = append(s.rows, total)
	}
}

func nines() []cell {
	out := make([]cell, 9)
	for i := range out {
		out[i] = figureCell(reliability.None, 2)
	}
	return out
}

func evnLine(row *books.Row, name string, customers reliability.Ratio, mi, ci int64, cmi, maifi, saifi, saidi reliability.Ratio, line string) []cell {
	momentary, sustained := reliability.None, reliability.None
	for _, n := range row.Outages {
		if n.Line == line {
			momentary, sustained = reliability.RatioOf(n.Momentary, 1), reliability.RatioOf(n.Sustained, 1)
		}
	}
	return append(firstCells(row), textCell(name), figureCell(customers, 0), figureCell(momentary, 0), countCell(mi), figureCell(maifi, 4),
		figureCell(sustained, 0), countCell(ci), figureCell(cmi, 1), figureCell(saifi, 4), figureCell(saidi, 2))
}

func brief(b *books.Brief) func(string) reliability.Ratio { return b.Index }

// ieee is a line with and one without major event days for each unit.
func ieee(s *sheet, r *books.Report, w words) {
	s.header = append(firstHeader(r.Monthly, w), w["basis"], w["customers"], w["ci"], w["cmi"], "CN", "SAIFI", "SAIDI", "CAIDI", "CTAIDI", "CAIFI", "ASAI", "MAIFI", "MAIFI_E")
	shares := func(x *reliability.Indices) (names []string, cells []cell) {
		add := func(name, unit string, list []reliability.Share) {
			for _, share := range list {
				names = append(names, name+" "+share.Sign.String()+strconv.Itoa(share.Bound)+unit)
				cells = append(cells, figureCell(share.Share, 5))
			}
		}
		add("CEMI", "", x.CEMI)
		add("CEMSMI", "", x.CEMSMI)
		add("CELID_s", w["hours"], x.CELIDS)
		add("CELID_t", w["hours"], x.CELIDT)
		return names, cells
	}
	line := func(row *books.Row, name string, x *reliability.Indices) {
		_, cells := shares(x)
		s.rows = append(s.rows, append(append(firstCells(row), textCell(name), figureCell(x.Customers, 0), countCell(x.CI), figureCell(x.CMI, 1), figureCell(x.CN, 0),
			figureCell(x.SAIFI, 4), figureCell(x.SAIDI, 2), figureCell(x.CAIDI, 2), figureCell(x.CTAIDI, 2), figureCell(x.CAIFI, 4), figureCell(x.ASAI, 7),
			figureCell(x.MAIFI, 4), figureCell(x.MAIFIE, 4)), cells...))
	}
	told := map[string]bool{}
	for i := range r.Rows {
		row := &r.Rows[i]
		if i == 0 {
			names, _ := shares(row.Statement.All)
			s.header = append(s.header, names...)
		}
		for _, note := range majorNotes(row.Statement, w) {
			if !told[note] {
				s.notes = append(s.notes, note)
				told[note] = true
			}
		}
		line(row, w["all"], row.Statement.All)
		if row.Statement.WithoutMajor != nil {
			line(row, w["without"], row.Statement.WithoutMajor)
		}
	}
}

func majorNotes(s *reliability.Statement, w words) []string {
	t := s.Threshold
	switch {
	case s.WithoutMajor == nil:
		return nil
	case t == nil || !t.Exists():
		return []string{w["no t_med"]}
	}
	days := make([]string, len(s.MajorDays))
	for i, d := range s.MajorDays {
		days[i] = d.String()
	}
	notes := []string{fmt.Sprintf(w["t_med"], t.Year, t.TMED, len(days), strings.Join(days, " "))}
	if t.Provisional {
		notes = append(notes, fmt.Sprintf(w["med few"], t.Missing))
	}
	return notes
}

// serviceSheet is a line a unit, or a month of it.
func serviceSheet(r *books.ServiceReport, w words) *sheet {
	s := &sheet{title: w["service"], notes: []string{
		fmt.Sprintf(w["period"], r.Period.From, r.Period.To-1, r.Policy, r.Digest),
		fmt.Sprintf(w["source"], r.Revision, r.AsOf.Format("2006-01-02 15:04:05Z07:00"))}}
	s.header = append(firstHeader(r.By == "month", w), w["faults"], w["in limit"], w["late"], w["open"], w["share"], w["mean"], w["cuts"], w["notice ok"], w["notice late"], w["notice none"],
		w["overruns"], w["overrun"], w["emergencies"])
	var limits []string
	for i := range r.Rows {
		for _, n := range r.Rows[i].EmergencyTimes {
			if !slices.Contains(limits, n.Name) {
				limits = append(limits, n.Name)
			}
		}
	}
	slices.Sort(limits)
	for _, name := range limits {
		s.header = append(s.header, w["told in time"]+name, w["told late"]+name, w["told not"]+name)
	}
	for i := range r.Rows {
		x := &r.Rows[i]
		cells := firstCells(&books.Row{ID: x.ID, Name: x.Name, Level: x.Level, Month: x.Month})
		cells = append(cells, countCell(x.Faults), countCell(x.RestoredIn), countCell(x.RestoredLate), countCell(x.FaultsOpen),
			figureCell(x.WithinLimit.Over(reliability.RatioOf(1, 100)), 1), figureCell(x.MeanRestore, 1), countCell(x.Planned), countCell(x.NoticeInTime), countCell(x.NoticeLate),
			countCell(x.NoticeMissing), countCell(x.Overruns), figureCell(reliability.RatioOf(x.OverrunMs, 60_000), 1), countCell(x.EmergencyCuts))
		for _, name := range limits {
			n := reliability.NoticeCount{}
			for _, have := range x.EmergencyTimes {
				if have.Name == name {
					n = have
				}
			}
			cells = append(cells, countCell(n.InTime), countCell(n.Late), countCell(n.Missing+n.Pending))
		}
		s.rows = append(s.rows, cells)
	}
	return s
}

// lossSheet is a line a unit.
func lossSheet(r *books.LossReport, w words) *sheet {
	s := &sheet{title: w["losses"], notes: []string{fmt.Sprintf(w["from to"], r.From.Format("2006-01-02 15:04Z07:00"), r.To.Format("2006-01-02 15:04Z07:00"))}}
	s.header = append(firstHeader(false, w), w["received"], w["delivered"], w["loss"], w["percent"], w["target"], w["complete"], w["complete in"], w["flags"])
	for i := range r.Rows {
		x := &r.Rows[i]
		kwh := func(wh int64) cell { return figureCell(reliability.RatioOf(wh, 1000), 1) }
		percent := reliability.RatioOf(1, 100)
		s.rows = append(s.rows, append(firstCells(&books.Row{ID: x.ID, Name: x.Name, Level: x.Level}), kwh(x.ReceivedWh), kwh(x.DeliveredWh), kwh(x.LossWh), figureCell(x.Percent, 2),
			figureCell(x.Target, 2), figureCell(x.Completeness.Over(percent), 1), figureCell(x.ReceivedCompleteness.Over(percent), 1), textCell(strings.Join(x.Flags, "; "))))
	}
	return s
}
