package books

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

// Store is what the office needs of the store.
type Store interface {
	Zone() string
	ReadBooks(ctx context.Context, ask func(headend.BookSnapshot) error) error
	KeepBooks(ctx context.Context, keep func(headend.BookSnapshot) error) (kept bool, err error)
	ClosePeriod(ctx context.Context, p headend.ClosedPeriod) (headend.ClosedPeriod, error)
	ClosedPeriods(ctx context.Context, organisation string, month time.Time, policy string, number int) ([]headend.ClosedPeriod, error)
	OutagesChanged() (changed <-chan struct{}, cancel func())
}

// Options say what is kept.
type Options struct {
	Policies map[string]*reliability.Policy // nil: those that are shipped
	Views    []string                       // kinds of units that sums are kept by; nil: organisation, substation, feeder
	Now      func() time.Time               // nil: time.Now
	Log      *slog.Logger                   // nil: slog.Default()
}

// Office keeps the books of one store. It is safe for use from several goroutines.
type Office struct {
	store    Store
	options  Options
	calendar *reliability.Calendar

	mu    sync.Mutex
	world *world
}

// New makes an Office. It starts nothing.
func New(store Store, options Options) (*Office, error) {
	zone, err := time.LoadLocation(store.Zone())
	if err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	if options.Policies == nil {
		if options.Policies, err = reliability.Shipped(); err != nil {
			return nil, err
		}
	}
	if options.Views == nil {
		options.Views = []string{reliability.ByOrganisation, "substation", "feeder"}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	return &Office{store: store, options: options, calendar: reliability.NewCalendar(zone)}, nil
}

// Calendar cuts the days and months of the store.
func (o *Office) Calendar() *reliability.Calendar { return o.calendar }

// Policy is one by its name; *headend.Unknown otherwise.
func (o *Office) Policy(name string) (*reliability.Policy, error) {
	p := o.options.Policies[name]
	if p == nil {
		return nil, &headend.Unknown{What: "policy", ID: name}
	}
	return p, nil
}

func (o *Office) policies() []*reliability.Policy {
	var out []*reliability.Policy
	for _, p := range o.options.Policies {
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

func keyOf(p *reliability.Policy, by string) headend.BookKey {
	return headend.BookKey{Policy: p.Name + "@" + p.Digest, By: by}
}

// format changes when stored cells mean something else than before.
const format = "2"

// kept says in words what sums are kept of.
func (o *Office) kept() string {
	words := []string{"format " + format, o.calendar.Zone().String()}
	for _, p := range o.policies() {
		words = append(words, p.Name+"@"+p.Digest)
	}
	return strings.Join(append(words, o.options.Views...), ", ")
}

// world is the registry in memory, with what is derived from it.
type world struct {
	number   int64
	registry *reliability.Registry
	units    []unit         // organisations and nodes as they are now, or were last
	index    map[string]int // of units, by id; organisations are filed under organisationMark + id
	census   map[string]*reliability.Census
}

// unit is an organisation or node.
type unit struct {
	id, name, kind, parent string
	organisation           bool
	to                     time.Time
}

const organisationMark = "\x00"

// counted is the time a census covers.
var counted = reliability.Period{From: reliability.DayOf(1971, 1, 1), To: reliability.DayOf(2150, 1, 1)}

// theWorld is the registry as the snapshot has it. It is read again when it has changed.
func (o *Office) theWorld(ctx context.Context, s headend.BookSnapshot, number int64) (*world, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.world != nil && o.world.number == number {
		return o.world, nil
	}
	found, err := s.Registry(ctx)
	if err != nil {
		return nil, err
	}
	spec := reliability.Spec{Organisations: found.Organisations, Nodes: found.Nodes, Points: make([]reliability.PointVersion, len(found.Points))}
	for i := range found.Points {
		spec.Points[i] = reliability.PointVersion{UsagePoint: found.Points[i].UsagePoint, Number: found.Points[i].Number, VA: found.Points[i].ConnectedVA()}
	}
	w := &world{number: number, index: map[string]int{}, census: map[string]*reliability.Census{}}
	if w.registry, err = reliability.NewRegistry(spec); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	for _, v := range found.Organisations {
		w.put(organisationMark+v.ID, unit{v.ID, v.Name, v.Kind, v.Parent, true, v.To})
	}
	for _, v := range found.Nodes {
		w.put(v.ID, unit{v.ID, v.Name, v.Kind, v.Parent, false, v.To})
	}
	o.world = w
	return w, nil
}

// put files a version; of several the last one stays.
func (w *world) put(key string, u unit) {
	if i, ok := w.index[key]; ok {
		w.units[i] = u
		return
	}
	w.index[key] = len(w.units)
	w.units = append(w.units, u)
}

// find is an organisation or node by its id, organisations first.
func (w *world) find(id string) (unit, bool) {
	i, ok := w.index[organisationMark+id]
	if !ok {
		i, ok = w.index[id]
	}
	if !ok {
		return unit{}, false
	}
	return w.units[i], true
}

// parent is what stands above a unit, among its like.
func (w *world) parent(u unit) (unit, bool) {
	key := u.parent
	if u.organisation {
		key = organisationMark + u.parent
	}
	i, ok := w.index[key]
	if !ok || u.parent == "" {
		return unit{}, false
	}
	return w.units[i], true
}

// top is the highest above a unit: the utility, whose own days decide on major event days.
func (w *world) top(u unit) unit {
	for range 64 {
		above, ok := w.parent(u)
		if !ok {
			break
		}
		u = above
	}
	return u
}

// censusBy counts the customers of the registry, once for each view.
func (o *Office) censusBy(w *world, by string) *reliability.Census {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := w.census[by]
	if c == nil {
		c = w.registry.Census(by, o.calendar, counted)
		w.census[by] = c
	}
	return c.Fresh()
}

// served is the customers served, with the counts of billing in place of the registry's.
func (o *Office) served(ctx context.Context, s headend.BookSnapshot, w *world, by string) (*reliability.Census, error) {
	c := o.censusBy(w, by)
	if by != reliability.ByOrganisation {
		return c, nil
	}
	counts, err := s.CustomerCounts(ctx)
	if err != nil {
		return nil, fmt.Errorf("customer counts: %w", err)
	}
	for _, n := range counts {
		if err := c.Import(n.Organisation, monthOf(n.Month).Period(), n.Customers); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func monthOf(t time.Time) reliability.Month { return reliability.MonthOf(t.Year(), t.Month()) }

func dayOf(t time.Time) reliability.Day { return reliability.DayOf(t.Date()) }

func dateOf(d reliability.Day) time.Time {
	year, month, day := d.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// Run settles the sums whenever the ledger has changed, and each minute, until ctx ends.
func (o *Office) Run(ctx context.Context) error {
	changed, cancel := o.store.OutagesChanged()
	defer cancel()
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if err := o.Settle(ctx); err != nil && ctx.Err() == nil {
			o.options.Log.Error("sums of the ledger not settled", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			continue
		case <-changed:
		}
		select { // in a storm the ledger changes each second, and who detects needs the machine; answers do not wait for the sums
		case <-ctx.Done():
			return nil
		case <-time.After(30 * time.Second):
		}
	}
}

// errNothing ends a transaction that has nothing to write.
var errNothing = errors.New("nothing to settle")

// Settle brings the stored sums up to the ledger as it is. Where another head-end does the same it does nothing.
func (o *Office) Settle(ctx context.Context) error {
	_, err := o.store.KeepBooks(ctx, func(s headend.BookSnapshot) error {
		st, err := s.Standing(ctx)
		if err != nil {
			return err
		}
		edition := reliability.Edition{Revision: st.Revision, AsOf: o.now()}
		switch {
		case !o.usable(&st):
			err = o.makeAll(ctx, s, &st, edition)
		case st.Stored.Revision == st.Revision:
			return errNothing // what is open only is counted by whoever asks
		default:
			err = o.follow(ctx, s, &st, edition)
		}
		if err != nil {
			return err
		}
		return s.PutState(ctx, headend.BookState{Revision: st.Revision, AsOf: edition.AsOf, Placement: st.Placement, Kept: o.kept()})
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	return err
}

func (o *Office) now() time.Time { return o.options.Now().UTC().Truncate(time.Millisecond) }

// local is a moment as it is shown: in the utility's zone.
func (o *Office) local(t time.Time) time.Time { return t.In(o.calendar.Zone()) }

// usable tells whether stored sums may be followed up.
func (o *Office) usable(st *headend.BookStanding) bool {
	return st.Stored != nil && st.Stored.Placement == st.Placement && st.Stored.Kept == o.kept() && st.Stored.Revision <= st.Revision
}

// pointsAtOnce bounds how many usage points are accounted in memory together.
const pointsAtOnce = 1 << 17

// makeAll makes all sums from the ledger.
func (o *Office) makeAll(ctx context.Context, s headend.BookSnapshot, st *headend.BookStanding, edition reliability.Edition) error {
	if err := s.Clear(ctx); err != nil {
		return err
	}
	if st.Revision == 0 {
		return nil // no ledger, no reason to hold the registry in memory
	}
	w, err := o.theWorld(ctx, s, st.Registry)
	if err != nil {
		return err
	}
	last, err := s.LastPoint(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	for first := uint32(0); first <= last; first += pointsAtOnce {
		pick := headend.BookRows{First: first, Last: min(last, first+pointsAtOnce-1)}
		if pick.Last == 0 {
			pick.Last = 1 // 0 is no bound; there is nothing to part
		}
		if err := o.settle(ctx, s, w, pick, nil, edition); err != nil {
			return err
		}
	}
	o.options.Log.Info("sums of the ledger made anew", "revision", st.Revision, "seconds", time.Since(begin).Seconds())
	return nil
}

// follow takes in the usage points that have changed.
func (o *Office) follow(ctx context.Context, s headend.BookSnapshot, st *headend.BookStanding, edition reliability.Edition) error {
	w, err := o.theWorld(ctx, s, st.Registry)
	if err != nil {
		return err
	}
	points, err := s.Changed(ctx, st.Stored.Revision, st.Stored.AsOf)
	if err != nil {
		return err
	}
	before := reliability.Edition{Revision: st.Stored.Revision, AsOf: st.Stored.AsOf}
	for some := range slices.Chunk(points, pointsAtOnce) {
		if err := o.settle(ctx, s, w, headend.BookRows{Points: some, Versions: true}, &before, edition); err != nil {
			return err
		}
	}
	return nil
}

// settle accounts some usage points as they were in the edition of the stored sums, nil for none, and as they are, and
// writes the difference into the stored sums of every policy and view.
func (o *Office) settle(ctx context.Context, s headend.BookSnapshot, w *world, pick headend.BookRows, before *reliability.Edition, after reliability.Edition) error {
	groups, err := readGroups(ctx, s, pick)
	if err != nil || len(groups) == 0 {
		return err
	}
	for _, p := range o.policies() {
		for _, by := range o.options.Views {
			d, err := o.difference(w, p, by, groups, before, after, true)
			if err != nil {
				return err
			}
			if err := o.write(ctx, s, w, p, by, d); err != nil {
				return err
			}
		}
	}
	return nil
}
