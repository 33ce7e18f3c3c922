package books

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"sort"
	"strings"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

// Closing is what is asked when a month is closed.
type Closing struct {
	Organisation string
	Month        time.Time // any day of it, as a date in UTC
	Policy       string
	By           string // who closes it
	Reason       string // of another revision; "": the reasons that the ledger gives
}

// Difference is what has changed between two revisions of a closed month.
type Difference struct {
	From    int64           `json:"from_revision"` // of the ledger
	To      int64           `json:"to_revision"`
	Units   []UnitChange    `json:"units"`
	Changes []ChangedRow    `json:"changes"` // at most mostChanges, by usage point
	More    int             `json:"more_changes"`
	Rows    []RowDifference `json:"indices"` // of each organisation whose figures have changed
}

// UnitChange is what the changes make of one category of one unit.
type UnitChange struct {
	Unit     string            `json:"unit"`
	Category string            `json:"category"`
	Counted  bool              `json:"counted"`
	CI       int64             `json:"ci"`
	CMI      reliability.Ratio `json:"cmi"`
	MI       int64             `json:"mi"`
	ME       int64             `json:"me"`
}

// ChangedRow is one interruption that counts otherwise than before.
type ChangedRow struct {
	UsagePoint uint32    `json:"usage_point"` // its number
	Outage     int64     `json:"outage"`
	Start      time.Time `json:"start"`
	Effects    []string  `json:"effects"`
	Reasons    []string  `json:"reasons,omitempty"`
}

// RowDifference is an organisation's indices before and after.
type RowDifference struct {
	ID    string               `json:"id"`
	SAIFI [2]reliability.Ratio `json:"saifi"` // before, after
	SAIDI [2]reliability.Ratio `json:"saidi"`
	MAIFI [2]reliability.Ratio `json:"maifi"`
}

const mostChanges = 1000

// Unchanged says that a closed month is closed again and nothing has changed.
type Unchanged struct{ Last headend.ClosedPeriod }

// Error names the revision that stands.
func (e *Unchanged) Error() string {
	return fmt.Sprintf("%s of %s is closed already, and its figures are still those of revision %d", e.Last.Month.Format("2006-01"), e.Last.Organisation, e.Last.Number)
}

// Close stores the figures of a month of an organisation and all below it as they are, with the revision of the ledger
// they were computed from. Where it was closed before and the figures are others now, that makes another revision with its
// reason and difference; where they are the same, *Unchanged.
func (o *Office) Close(ctx context.Context, c Closing) (closed headend.ClosedPeriod, err error) {
	month := reliability.MonthOf(c.Month.Year(), c.Month.Month())
	if strings.TrimSpace(c.By) == "" {
		return closed, refuse("name who closes the month")
	}
	if now := o.now(); !o.calendar.Begin(month.Period().To).Before(now) {
		return closed, refuse("%s is not over yet", month)
	}
	before, err := o.store.ClosedPeriods(ctx, c.Organisation, dateOf(month.First()), c.Policy, 0)
	if err != nil {
		return closed, err
	}
	q := headend.ReportRequest{Unit: c.Organisation, Policy: c.Policy, From: dateOf(month.Period().From), To: dateOf(month.Period().To), Customers: true}
	closed = headend.ClosedPeriod{Organisation: c.Organisation, Month: dateOf(month.First()), Policy: c.Policy, Number: len(before) + 1, By: c.By, Reason: c.Reason}
	err = o.store.ReadBooks(ctx, func(s headend.BookSnapshot) error {
		report, err := o.report(ctx, s, q)
		if err != nil {
			return err
		}
		if len(report.Rows) == 0 || report.By != reliability.ByOrganisation {
			return &headend.Unknown{What: "organisation", ID: c.Organisation}
		}
		if closed.Figures, err = json.Marshal(report); err != nil {
			return fmt.Errorf("figures: %w", err)
		}
		closed.Revision, closed.AsOf = report.Revision, report.AsOf
		if len(before) == 0 {
			return nil
		}
		return o.compare(ctx, s, before[len(before)-1], &closed, month)
	})
	if err != nil {
		return closed, err
	}
	return o.store.ClosePeriod(ctx, closed)
}

// compare puts the difference to the revision before into the new one.
func (o *Office) compare(ctx context.Context, s headend.BookSnapshot, last headend.ClosedPeriod, now *headend.ClosedPeriod, month reliability.Month) error {
	rows, same, err := sameFigures(last.Figures, now.Figures)
	if err != nil {
		return err
	}
	if same {
		return &Unchanged{last}
	}
	d, reasons, err := o.explain(ctx, s, last, now, month)
	if err != nil {
		return err
	}
	d.Rows = rows
	if now.Reason == "" {
		now.Reason = strings.Join(reasons, "; ")
	}
	if now.Reason == "" {
		now.Reason = "interruptions were added, corrected or ended after the month was closed"
	}
	now.Difference, err = json.Marshal(d)
	return err
}

// signed is what of a report is looked at when two revisions are compared: not when it was made, nor the year so far,
// which other months change.
type signed struct {
	Digest string      `json:"policy_digest"`
	Rows   []signedRow `json:"rows"`
}

type signedRow struct {
	ID        string `json:"id"`
	Statement struct {
		All          json.RawMessage `json:"all"`
		WithoutMajor json.RawMessage `json:"without_major_event_days"`
	} `json:"statement"`
}

func sameFigures(a, b json.RawMessage) (differing []RowDifference, same bool, err error) {
	var was, is signed
	if err := json.Unmarshal(a, &was); err != nil {
		return nil, false, fmt.Errorf("figures of the revision before: %w", err)
	}
	if err := json.Unmarshal(b, &is); err != nil {
		return nil, false, err
	}
	same = was.Digest == is.Digest && len(was.Rows) == len(is.Rows)
	for i := range is.Rows {
		k := slices.IndexFunc(was.Rows, func(r signedRow) bool { return r.ID == is.Rows[i].ID })
		var before json.RawMessage
		if k >= 0 {
			before = was.Rows[k].Statement.All
			if bytes.Equal(before, is.Rows[i].Statement.All) && bytes.Equal(was.Rows[k].Statement.WithoutMajor, is.Rows[i].Statement.WithoutMajor) {
				continue
			}
		}
		same = false
		row := RowDifference{ID: is.Rows[i].ID}
		if err := row.take(0, before); err != nil {
			return nil, false, err
		}
		if err := row.take(1, is.Rows[i].Statement.All); err != nil {
			return nil, false, err
		}
		differing = append(differing, row)
	}
	return differing, same, nil
}

// take reads the three indices that people look at first.
func (d *RowDifference) take(i int, all json.RawMessage) error {
	if len(all) == 0 {
		return nil
	}
	var x struct {
		SAIFI *json.Number `json:"saifi"`
		SAIDI *json.Number `json:"saidi"`
		MAIFI *json.Number `json:"maifi"`
	}
	if err := json.Unmarshal(all, &x); err != nil {
		return fmt.Errorf("figures of %s: %w", d.ID, err)
	}
	for _, f := range []struct {
		from *json.Number
		to   *reliability.Ratio
	}{{x.SAIFI, &d.SAIFI[i]}, {x.SAIDI, &d.SAIDI[i]}, {x.MAIFI, &d.MAIFI[i]}} {
		if f.from == nil {
			continue
		}
		r, ok := ratioOf(f.from.String())
		if !ok {
			return fmt.Errorf("figures of %s: %q is no number", d.ID, f.from)
		}
		*f.to = r
	}
	return nil
}

// explain compares the two editions of the ledger, interruption by interruption.
func (o *Office) explain(ctx context.Context, s headend.BookSnapshot, last headend.ClosedPeriod, now *headend.ClosedPeriod, month reliability.Month) (*Difference, []string, error) {
	p, err := o.Policy(now.Policy)
	if err != nil {
		return nil, nil, err
	}
	st, err := s.Standing(ctx)
	if err != nil {
		return nil, nil, err
	}
	w, err := o.theWorld(ctx, s, st.Registry)
	if err != nil {
		return nil, nil, err
	}
	d := &Difference{From: last.Revision, To: now.Revision, Units: []UnitChange{}, Changes: []ChangedRow{}}
	reasons := map[string]bool{}
	in := func(n *reliability.Counted) bool {
		return n != nil && n.Day.Month() == month && slices.Contains(w.registry.Path(n.Place.Unit), now.Organisation)
	}
	// A revision of 0 is all of the ledger to the accounting; to a month that was closed before the first it is nothing.
	before := reliability.Edition{Revision: max(last.Revision, 0), AsOf: last.AsOf}
	if before.Revision == 0 {
		before.AsOf = time.UnixMilli(0).UTC()
	}
	c := reliability.NewComparer(p, w.registry.View(reliability.ByOrganisation), o.calendar, before, reliability.Edition{Revision: now.Revision, AsOf: now.AsOf}, func(x reliability.Change) {
		if !in(x.Before) && !in(x.After) {
			return
		}
		for _, reason := range x.Reasons {
			reasons[reason] = true
		}
		n := x.After
		if n == nil {
			n = x.Before
		}
		if len(d.Changes) == mostChanges {
			d.More++
			return
		}
		d.Changes = append(d.Changes, ChangedRow{x.UsagePoint, n.Outage, n.Start, x.Effects, x.Reasons})
	})
	points, err := s.Changed(ctx, last.Revision, last.AsOf)
	if err != nil {
		return nil, nil, err
	}
	for some := range slices.Chunk(points, pointsAtOnce) {
		groups, err := readGroups(ctx, s, headend.BookRows{Points: some, Versions: true})
		if err != nil {
			return nil, nil, err
		}
		for _, g := range groups {
			if err := c.Take(g); err != nil {
				return nil, nil, err
			}
		}
	}
	o.unitChanges(w, c, now.Organisation, month, d)
	var words []string
	for reason := range reasons {
		words = append(words, reason)
	}
	sort.Strings(words)
	return d, words, nil
}

func ratioOf(text string) (reliability.Ratio, bool) {
	r, ok := new(big.Rat).SetString(text)
	return reliability.Exactly(r), ok
}

func (o *Office) unitChanges(w *world, c *reliability.Comparer, organisation string, month reliability.Month, d *Difference) {
	sums := map[UnitChange]*reliability.Delta{}
	for cell, delta := range c.Deltas {
		path := w.registry.Path(cell.Unit)
		if cell.Day.Month() != month || !slices.Contains(path, organisation) {
			continue
		}
		key := UnitChange{Unit: path[0], Category: cell.Category, Counted: cell.Counted}
		sum := sums[key]
		if sum == nil {
			sum = &reliability.Delta{}
			sums[key] = sum
		}
		sum.CI, sum.CMS, sum.MI, sum.ME = sum.CI+delta.CI, sum.CMS+delta.CMS, sum.MI+delta.MI, sum.ME+delta.ME
	}
	for key, sum := range sums {
		if *sum != (reliability.Delta{}) {
			key.CI, key.CMI, key.MI, key.ME = sum.CI, reliability.RatioOf(sum.CMS, 60_000), sum.MI, sum.ME
			d.Units = append(d.Units, key)
		}
	}
	slices.SortFunc(d.Units, func(a, b UnitChange) int { return strings.Compare(a.Unit+" "+a.Category, b.Unit+" "+b.Category) })
}

// Closed lists revisions of closed months; empty arguments pick all.
func (o *Office) Closed(ctx context.Context, organisation string, month time.Time, policy string, number int) ([]headend.ClosedPeriod, error) {
	return o.store.ClosedPeriods(ctx, organisation, month, policy, number)
}
