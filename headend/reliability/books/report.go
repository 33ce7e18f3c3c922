package books

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

// Report is what a ReportRequest asks for: a row for each unit, or for each month of one unit.
type Report struct {
	Policy   string             `json:"policy"`
	Digest   string             `json:"policy_digest"`
	Title    string             `json:"policy_title"`
	Revision int64              `json:"revision"` // of the ledger
	AsOf     time.Time          `json:"as_of"`
	Zone     string             `json:"zone"`
	By       string             `json:"by"`
	Monthly  bool               `json:"monthly"` // a row for each month
	Period   reliability.Period `json:"period"`
	// NotServed are interruptions where no customer was, Unlisted those whose cause stands in no table of the policy, in
	// the months of the period: of the whole ledger, not of one unit.
	NotServed int64            `json:"not_served"`
	Unlisted  map[string]int64 `json:"unlisted_causes,omitempty"`
	Stored    bool             `json:"from_stored_sums"` // else the ledger was read; the figures are the same
	Rows      []Row            `json:"rows"`
}

// Row is a line of a report.
type Row struct {
	ID         string                 `json:"id"`
	Name       string                 `json:"name"`
	Kind       string                 `json:"kind"`
	Level      int                    `json:"level"`           // below the first row
	Month      string                 `json:"month,omitempty"` // 2026-10, where a row is a month
	Statement  *reliability.Statement `json:"statement"`
	YearToDate *Brief                 `json:"year_to_date"`
	LastYear   *Brief                 `json:"same_period_last_year"` // null: nothing is known of it
	Targets    []TargetStanding       `json:"targets,omitempty"`
	Outages    []OutageCount          `json:"outages,omitempty"` // by line, the last of all; where they were asked for
}

// Brief is what stands beside a figure.
type Brief struct {
	Period   reliability.Period `json:"period"`
	CI       int64              `json:"ci"`
	CMI      reliability.Ratio  `json:"cmi"`
	MI       int64              `json:"mi"`
	SAIFI    reliability.Ratio  `json:"saifi"`
	SAIDI    reliability.Ratio  `json:"saidi"`
	MAIFI    reliability.Ratio  `json:"maifi"`
	Imported bool               `json:"imported"` // from daily sums of before; without MAIFI
}

// TargetStanding is an index of the year so far beside the target of the year.
type TargetStanding struct {
	Index string `json:"index"`
	reliability.Standing
}

func refuse(format string, args ...any) error {
	return &headend.BadRequest{Reason: fmt.Sprintf(format, args...)}
}

// longest bounds the period of a report.
const longest = 3700

// reporting is one report under way.
type reporting struct {
	office  *Office
	s       headend.BookSnapshot
	w       *world
	st      headend.BookStanding
	policy  *reliability.Policy
	by      string // view
	period  reliability.Period
	edition reliability.Edition
	census  *reliability.Census
	sets    bool

	now, lastYear *gathered
	year          *gathered       // the year so far, where now has sets
	first         reliability.Day // of the ledger
	known         bool            // the ledger is not empty
	targets       []headend.Target
	major         map[string]*majorDays // by utility
	outages       map[reliability.Unit]map[outageKey]bool
}

type majorDays struct {
	days      map[reliability.Day]bool
	threshold *reliability.MajorThreshold
}

// Report answers. It returns *headend.BadRequest, *headend.Unknown, and the errors of the accounting.
func (o *Office) Report(ctx context.Context, q headend.ReportRequest) (out *Report, err error) {
	err = o.store.ReadBooks(ctx, func(s headend.BookSnapshot) error {
		out, err = o.report(ctx, s, q)
		return err
	})
	return out, err
}

func (o *Office) report(ctx context.Context, s headend.BookSnapshot, q headend.ReportRequest) (*Report, error) {
	r := &reporting{office: o, s: s, sets: q.Customers, period: reliability.Period{From: dayOf(q.From), To: dayOf(q.To)}, major: map[string]*majorDays{}}
	if err := r.begin(ctx, q); err != nil {
		return nil, err
	}
	units, err := r.units(q)
	if err != nil {
		return nil, err
	}
	if err := r.read(ctx, units); err != nil {
		return nil, err
	}
	monthly := q.Monthly || q.By == "month"
	if q.Outages && monthly {
		return nil, refuse("outages are counted over the whole period; ask for one month, or for no counts")
	}
	if q.Outages {
		if err := r.countOutages(ctx); err != nil {
			return nil, err
		}
	}
	out := &Report{Policy: r.policy.Name, Digest: r.policy.Digest, Title: r.policy.Title, Revision: r.edition.Revision, AsOf: r.edition.AsOf, Zone: o.calendar.Zone().String(),
		By: cmp.Or(q.By, reliability.ByOrganisation), Monthly: monthly, Period: r.period, Unlisted: map[string]int64{}, Stored: r.now.stored, Rows: []Row{}}
	for k, n := range r.now.notes {
		if k.month < r.period.From.Month() || k.month > (r.period.To-1).Month() {
			continue
		}
		if k.cause == notServed {
			out.NotServed += n
		} else if n != 0 {
			out.Unlisted[k.cause] += n
		}
	}
	for _, u := range units {
		rows, err := r.rows(ctx, u, monthly)
		if err != nil {
			return nil, err
		}
		out.Rows = append(out.Rows, rows...)
	}
	return out, nil
}

// begin looks at what every question has: policy, period, revision, moment, registry.
func (r *reporting) begin(ctx context.Context, q headend.ReportRequest) (err error) {
	if r.policy, err = r.office.Policy(q.Policy); err != nil {
		return err
	}
	if r.period.Days() == 0 || r.period.Days() > longest {
		return refuse("the period %s: it must not be empty and may have at most %d days", r.period, longest)
	}
	if r.st, err = r.s.Standing(ctx); err != nil {
		return err
	}
	r.edition = reliability.Edition{Revision: r.st.Revision, AsOf: r.office.now()}
	if q.Revision > r.st.Revision {
		return refuse("the ledger has no revision %d yet; the last one is %d", q.Revision, r.st.Revision)
	}
	if q.Revision != 0 {
		r.edition.Revision = q.Revision
	}
	if !q.AsOf.IsZero() {
		r.edition.AsOf = q.AsOf
	}
	r.edition.AsOf = r.office.local(r.edition.AsOf)
	r.w, err = r.office.theWorld(ctx, r.s, r.st.Registry)
	return err
}

// placed is a unit with its depth below the first row.
type placed struct {
	unit
	level int
}

var nodeKinds = []string{"substation", "feeder", "switch", "transformer"}

// units picks what the rows are about, a tree in order, and sets the view.
func (r *reporting) units(q headend.ReportRequest) ([]placed, error) {
	r.by = reliability.ByOrganisation
	var from unit
	if q.Unit != "" {
		var ok bool
		if from, ok = r.w.find(q.Unit); !ok {
			return nil, &headend.Unknown{What: "organisation or node", ID: q.Unit}
		}
	}
	switch by := cmp.Or(q.By, reliability.ByOrganisation); {
	case by == "month":
		if q.Unit == "" {
			return nil, refuse("by month: name the unit the months are of")
		}
		if !from.organisation {
			r.by = from.kind
		}
		return []placed{{from, 0}}, nil
	case slices.Contains(nodeKinds, by):
		if q.Unit != "" && from.organisation {
			return nil, refuse("by %s: the unit has to be a node at or above; %s is an organisation", by, q.Unit)
		}
		r.by = by
		return r.below(q.Unit, by, false), nil
	case by == reliability.ByOrganisation || by == "corporation" || by == "company" || by == "district":
		if q.Unit != "" && !from.organisation {
			return nil, refuse("by %s: the unit has to be an organisation; %s is a %s", by, q.Unit, from.kind)
		}
		return r.below(q.Unit, by, true), nil
	default:
		return nil, refuse("by %q: rows can be organisation, corporation, company, district, substation, feeder, switch, transformer, month", by)
	}
}

// below lists the units of a kind at or below id, or below all tops, depth first and by id.
func (r *reporting) below(id, kind string, organisation bool) (out []placed) {
	children := map[string][]unit{}
	for _, u := range r.w.units {
		if u.organisation == organisation {
			parent := u.parent
			if u.id == id {
				parent = ""
			}
			children[parent] = append(children[parent], u)
		}
	}
	for _, list := range children {
		slices.SortFunc(list, func(a, b unit) int { return strings.Compare(a.id, b.id) })
	}
	var walk func(u unit, level int)
	walk = func(u unit, level int) {
		if level > 64 {
			return
		}
		if kind == reliability.ByOrganisation || u.kind == kind {
			out = append(out, placed{u, level})
			level++
		}
		for _, c := range children[u.id] {
			walk(c, level)
		}
	}
	for _, u := range children[""] {
		if id == "" || u.id == id {
			walk(u, 0)
		}
	}
	return out
}

// read gathers what all rows need: the year so far with the period in it, and the year before.
func (r *reporting) read(ctx context.Context, units []placed) (err error) {
	o := r.office
	if r.census, err = o.served(ctx, r.s, r.w, r.by); err != nil {
		return err
	}
	first, _, err := r.s.Span(ctx)
	if err != nil {
		return err
	}
	if r.known = !first.IsZero(); r.known {
		r.first = o.calendar.DayAt(first)
	}
	if r.targets, err = r.s.Targets(ctx); err != nil {
		return fmt.Errorf("targets: %w", err)
	}
	skip := map[reliability.Day]bool{}
	if r.policy.MajorDays.On {
		for _, u := range units {
			m, err := r.majorOf(ctx, u.unit)
			if err != nil {
				return err
			}
			for d := range m.days {
				skip[d] = true
			}
		}
	}
	n := need{policy: r.policy, by: r.by, period: r.period, edition: r.edition, sets: r.sets, skip: skip}
	if !r.sets { // one pass for the period and the year so far
		n.period = r.years()
	}
	if r.now, err = o.gather(ctx, r.s, r.w, &r.st, r.cut(n)); err != nil {
		return err
	}
	before := reliability.Period{From: reliability.DayOf(r.period.From.Year()-1, 1, 1), To: reliability.DayOf((r.period.To - 1).Year(), 1, 1)}
	r.lastYear, err = o.gather(ctx, r.s, r.w, &r.st, r.cut(need{policy: r.policy, by: r.by, period: before, edition: r.edition}))
	return err
}

// cut makes the beginnings and ends of the periods that are asked for from a need cells of their own.
func (r *reporting) cut(n need) *need {
	skip := map[reliability.Day]bool{}
	for d := range n.skip {
		skip[d] = true
	}
	for _, p := range []reliability.Period{r.period, r.yearToDate(), r.period.YearBefore(), r.yearToDate().YearBefore()} {
		for _, part := range p.Months() {
			if part != part.From.Month().Period() {
				skip[part.From] = true
			}
		}
	}
	n.skip = skip
	return &n
}

// years are the years of the period so far.
func (r *reporting) years() reliability.Period {
	return reliability.Period{From: reliability.DayOf(r.period.From.Year(), 1, 1), To: r.period.To}
}

// yearToDate is the year of the last day of the period, until the end of the period.
func (r *reporting) yearToDate() reliability.Period {
	return reliability.Period{From: reliability.DayOf((r.period.To - 1).Year(), 1, 1), To: r.period.To}
}

// utility is whose daily totals decide on major event days: the top of the organisations above; for nodes the only top
// there is.
func (r *reporting) utility(u unit) (string, bool) {
	if u.organisation {
		return r.w.top(u).id, true
	}
	var tops []string
	for _, v := range r.w.units {
		if v.organisation && v.parent == "" {
			tops = append(tops, v.id)
		}
	}
	if len(tops) != 1 {
		return "", false
	}
	return tops[0], true
}

// majorOf finds the major event days of the years of the period.
func (r *reporting) majorOf(ctx context.Context, u unit) (*majorDays, error) {
	id, ok := r.utility(u)
	if !ok {
		return &majorDays{}, nil
	}
	if m := r.major[id]; m != nil {
		return m, nil
	}
	m := &majorDays{days: map[reliability.Day]bool{}}
	rules := r.policy.MajorDays
	for year := r.period.From.Year(); year <= (r.period.To - 1).Year(); year++ {
		history := reliability.Period{From: reliability.DayOf(year-rules.Years, 1, 1), To: reliability.DayOf(year, 1, 1)}
		days, err := r.office.days(ctx, r.s, r.w, &r.st, r.policy, id, history, r.edition)
		if err != nil {
			return nil, err
		}
		if m.threshold, err = reliability.NewMajorThreshold(rules, year, days); err != nil {
			return nil, fmt.Errorf("major event days of %s: %w", id, err)
		}
		of := reliability.Period{From: max(r.period.From, reliability.DayOf(year, 1, 1)), To: min(r.period.To, reliability.DayOf(year+1, 1, 1))}
		if days, err = r.office.days(ctx, r.s, r.w, &r.st, r.policy, id, of, r.edition); err != nil {
			return nil, err
		}
		for d := range m.threshold.MajorDaysOf(days) {
			m.days[d] = true
		}
	}
	r.major[id] = m
	return m, nil
}

func (r *reporting) rows(ctx context.Context, u placed, byMonth bool) ([]Row, error) {
	periods := []reliability.Period{r.period}
	if byMonth {
		periods = r.period.Months()
	}
	units := r.w.registry.Members(r.by, u.id)
	served := r.census.For(u.id)
	var out []Row
	for _, p := range periods {
		row := Row{ID: u.id, Name: u.name, Kind: u.kind, Level: u.level}
		if byMonth {
			row.Month = p.From.Month().String()
		}
		q := reliability.Question{ID: u.id, Units: units, Period: p, Served: served}
		if r.policy.MajorDays.On {
			m, err := r.majorOf(ctx, u.unit)
			if err != nil {
				return nil, err
			}
			q.Major, q.Threshold = m.days, m.threshold
		}
		var err error
		if row.Statement, err = r.now.State(q); err != nil {
			return nil, fmt.Errorf("%s: %w", u.id, err)
		}
		if err := r.beside(ctx, &row, u, p, units, served); err != nil {
			return nil, fmt.Errorf("%s: %w", u.id, err)
		}
		if r.outages != nil {
			row.Outages = r.outagesOf(units)
		}
		out = append(out, row)
	}
	return out, nil
}

// beside adds the year so far, the year before and the targets.
func (r *reporting) beside(ctx context.Context, row *Row, u placed, p reliability.Period, units []reliability.Unit, served reliability.Served) error {
	toDate := reliability.Period{From: reliability.DayOf((p.To - 1).Year(), 1, 1), To: p.To}
	var err error
	if toDate == p {
		row.YearToDate = briefOf(row.Statement.All)
	} else if !r.sets || r.period.From <= toDate.From { // the year is among what was gathered
		if row.YearToDate, err = r.brief(r.now, units, toDate, served); err != nil {
			return err
		}
	} else if row.YearToDate, err = r.yearOnly(ctx, units, toDate, served); err != nil {
		return err
	}
	if row.LastYear, err = r.former(ctx, u, p.YearBefore(), units, served); err != nil {
		return err
	}
	if !u.organisation {
		return nil
	}
	return r.stand(ctx, row, u, toDate, units, served)
}

// yearOnly gathers the year so far without sets, once.
func (r *reporting) yearOnly(ctx context.Context, units []reliability.Unit, p reliability.Period, served reliability.Served) (*Brief, error) {
	if r.year == nil {
		var err error
		n := need{policy: r.policy, by: r.by, period: r.years(), edition: r.edition}
		if r.year, err = r.office.gather(ctx, r.s, r.w, &r.st, r.cut(n)); err != nil {
			return nil, err
		}
	}
	return r.brief(r.year, units, p, served)
}

func (r *reporting) brief(b *gathered, units []reliability.Unit, p reliability.Period, served reliability.Served) (*Brief, error) {
	months, err := b.Sums(units, p, nil)
	if err != nil {
		return nil, err
	}
	x, err := reliability.Compute(r.policy, r.office.calendar, figuresOnly(months), served, nil)
	if err != nil {
		return nil, err
	}
	return briefOf(x), nil
}

// figuresOnly leaves the sets out, which a brief does not need.
func figuresOnly(months []reliability.MonthSum) []reliability.MonthSum {
	out := make([]reliability.MonthSum, len(months))
	for i, m := range months {
		out[i].Period = m.Period
		for _, s := range m.Sums {
			bare := &reliability.Sum{Parts: slices.Clone(s.Parts)}
			for k := range bare.Parts {
				bare.Parts[k].Customers = nil
			}
			out[i].Sums = append(out[i].Sums, bare)
		}
	}
	return out
}

func briefOf(x *reliability.Indices) *Brief {
	return &Brief{Period: x.Period, CI: x.CI, CMI: x.CMI, MI: x.MI, SAIFI: x.SAIFI, SAIDI: x.SAIDI, MAIFI: x.MAIFI}
}

// former is a period of the former year: imported where each of its days is, else from the ledger if that had begun.
func (r *reporting) former(ctx context.Context, u placed, p reliability.Period, units []reliability.Unit, served reliability.Served) (*Brief, error) {
	if u.organisation {
		list, err := r.s.DaySums(ctx, u.id, dateOf(p.From), dateOf(p.To))
		if err != nil {
			return nil, fmt.Errorf("imported days: %w", err)
		}
		if len(list) == p.Days() {
			return r.imported(list, p)
		}
	}
	if !r.known || r.first > p.From {
		return nil, nil
	}
	return r.brief(r.lastYear, units, p, served)
}

// imported makes indices of daily sums, under the policy's rules for customers.
func (r *reporting) imported(list []headend.DaySum, p reliability.Period) (*Brief, error) {
	category := ""
	for _, c := range r.policy.Categories {
		if c.Counted {
			category = c.Name
			break
		}
	}
	customers := map[reliability.Day]int64{}
	var months []reliability.MonthSum
	for _, part := range p.Months() {
		months = append(months, reliability.MonthSum{Period: part})
	}
	for _, d := range list {
		day := dayOf(d.Date)
		customers[day] = d.Customers
		for i := range months {
			if months[i].Period.Has(day) {
				months[i].Sums = append(months[i].Sums, &reliability.Sum{Parts: []reliability.Part{{Category: category, Figures: reliability.Figures{CI: d.CI, CMS: d.CMS}}}})
			}
		}
	}
	x, err := reliability.Compute(r.policy, r.office.calendar, months, func(d reliability.Day) (reliability.Headcount, bool) {
		n, ok := customers[d]
		return reliability.Headcount{Customers: n}, ok
	}, nil)
	if err != nil {
		return nil, err
	}
	b := briefOf(x)
	b.Imported, b.MAIFI = true, reliability.None
	return b, nil
}

// stand puts the year so far beside the targets of its year and beside the former year.
func (r *reporting) stand(ctx context.Context, row *Row, u placed, toDate reliability.Period, units []reliability.Unit, served reliability.Served) error {
	year := toDate.From.Year()
	var mine []headend.Target
	for _, t := range r.targets {
		if t.Organisation == u.id && t.Year == year && t.Index != "losses" {
			mine = append(mine, t)
		}
	}
	if len(mine) == 0 {
		return nil
	}
	so, err := r.former(ctx, u, toDate.YearBefore(), units, served)
	if err != nil {
		return err
	}
	whole, err := r.former(ctx, u, reliability.Year(year-1), units, served)
	if err != nil {
		return err
	}
	for _, t := range mine {
		value, ok := new(big.Rat).SetString(t.Value)
		if !ok {
			return fmt.Errorf("target %s of %d is %q, no number", t.Index, t.Year, t.Value)
		}
		row.Targets = append(row.Targets, TargetStanding{t.Index, reliability.Stand(row.YearToDate.Index(t.Index), reliability.Exactly(value), so.Index(t.Index), whole.Index(t.Index))})
	}
	return nil
}

// Index is one of saidi, saifi, maifi; None where nothing is known.
func (b *Brief) Index(name string) reliability.Ratio {
	switch {
	case b == nil:
	case name == "saidi":
		return b.SAIDI
	case name == "saifi":
		return b.SAIFI
	case name == "maifi":
		return b.MAIFI
	}
	return reliability.None
}

// Target is the target of the year for one of saidi, saifi, maifi; None where there is none.
func (r *Row) Target(index string) reliability.Ratio {
	for _, t := range r.Targets {
		if t.Index == index {
			return t.Target
		}
	}
	return reliability.None
}
