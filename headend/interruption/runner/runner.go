package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
	"lastgasp/headend/interruption"
)

// Store is where evidence comes from and the ledger goes.
type Store interface {
	// Lease waits until this head-end is the one that detects. The epoch names its turn; lost is closed when it is over.
	Lease(ctx context.Context, holder string) (epoch int64, lost <-chan struct{}, release func(), err error)
	Grid(ctx context.Context) (headend.Grid, error)
	// Detection is what was recorded last, put back where that was by a clock that was ahead of now.
	Detection(ctx context.Context, now time.Time) (headend.Detection, error)
	LastTallies(ctx context.Context, since time.Time) ([]headend.SegmentTally, error)
	// Replay feeds all evidence from a device time on, Feed what was committed since a cursor.
	Replay(ctx context.Context, from time.Time, to headend.Feed) (cursor string, err error)
	Feed(ctx context.Context, cursor string, to headend.Feed) (next string, err error)
	// Record stores results and cursor in one transaction, or nothing when the epoch is over.
	Record(ctx context.Context, epoch int64, d headend.Detection) (revision int64, err error)
	// Changed gets a value after the registry has changed.
	Changed() (changed <-chan struct{}, cancel func())
}

// Options of a Runner. The zero value is usable.
type Options struct {
	Holder   string                      // who holds the lease, for people: host and process
	Every    time.Duration               // between two derivations; 0 is 1 s
	Settings interruption.Settings       // of the detector
	MakesUp  func(headend.DeviceID) bool // gateways that send last gasps for all their meters; nil: none
	Zone     *time.Location              // in which days are cut; nil is UTC
	Now      func() time.Time            // nil is time.Now
	Ping     func([]Ping)                // asks meters whether they live; it must not block; nil: nobody does
	Registry prometheus.Registerer       // nil: nothing is counted
	Log      *slog.Logger                // nil is slog.Default()
}

// Runner detects while it holds the lease.
type Runner struct {
	store   Store
	options Options
	metrics *metrics
}

// New makes a runner; Run starts it.
func New(store Store, options Options) *Runner {
	if options.Every == 0 {
		options.Every = time.Second
	}
	if options.Settings.Window == 0 {
		options.Settings.Window = 72 * time.Hour
	}
	if options.Zone == nil {
		options.Zone = time.UTC
	}
	options.Settings.Zone = options.Zone
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	return &Runner{store: store, options: options, metrics: newMetrics(options.Registry)}
}

// idle is how often progress is stored when nothing was found.
const idle = 10 * time.Second

// Run detects until ctx ends. A fault of the database is logged and tried again; it never ends the process.
func (r *Runner) Run(ctx context.Context) error {
	said := ""
	for ctx.Err() == nil {
		err := r.turn(ctx)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, headend.ErrLeaseLost) {
			r.options.Log.Info("another head-end detects interruptions now")
			said = ""
			continue
		}
		if text := err.Error(); text != said {
			r.options.Log.Error("interruptions are not detected; trying again each second", slog.Any("error", err))
			said = text
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
	return nil
}

// turn waits for the lease and detects until it is over. It always returns an error.
func (r *Runner) turn(ctx context.Context) error {
	epoch, lost, release, err := r.store.Lease(ctx, r.options.Holder)
	if err != nil {
		return fmt.Errorf("lease: %w", err)
	}
	defer release()
	r.metrics.leader.Set(1)
	defer r.metrics.leader.Set(0)
	ctx, end := untilLost(ctx, lost)
	defer end()
	changed, cancel := r.store.Changed()
	defer cancel()
	for {
		select {
		case <-changed: // what stood there is read now
		default:
		}
		w, err := r.begin(ctx, epoch)
		if err == nil {
			err = w.work(ctx, changed)
		}
		if errors.Is(context.Cause(ctx), headend.ErrLeaseLost) {
			return headend.ErrLeaseLost
		}
		if err != nil {
			return err
		}
	}
}

// untilLost ends what waits for the database when the lease is lost: on a connection whose other end is gone it would wait
// for a quarter of an hour.
func untilLost(ctx context.Context, lost <-chan struct{}) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-lost:
			cancel(headend.ErrLeaseLost)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-ended
	}
}

// watch is one detector at work, from a start or change of the registry to the next.
type watch struct {
	*Runner
	epoch    int64
	grid     *Grid
	detector *interruption.Detector
	feeder   *Feeder
	cursor   string
	told     map[uint64]headend.Outage // outages that are not closed, as they were last told
	recorded time.Time
	latest   time.Time // that the clock has shown
	tallied  time.Time // the last day whose tallies were taken
	counts   *counts
}

// begin makes the detector of the registry as it is, gives it its history back and feeds the evidence again.
func (r *Runner) begin(ctx context.Context, epoch int64) (*watch, error) {
	began := time.Now()
	// The registry of a million usage points is some hundred megabytes of which little is left afterwards.
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	registry, err := r.store.Grid(ctx)
	if err != nil {
		return nil, err
	}
	grid, err := NewGrid(&registry, r.options.MakesUp)
	if err != nil {
		return nil, err
	}
	now := r.options.Now()
	state, err := r.store.Detection(ctx, now)
	if err != nil {
		return nil, err
	}
	w := &watch{Runner: r, epoch: epoch, grid: grid, detector: interruption.New(grid.Network, r.options.Settings), told: map[uint64]headend.Outage{}, recorded: state.Now}
	w.feeder, w.counts = NewFeeder(grid, w.detector), newCounts(state.Counted)
	if err := w.measure(ctx, now); err != nil {
		return nil, err
	}
	snapshot, lost, err := grid.snapshot(&state)
	if err != nil {
		return nil, err
	}
	if lost > 0 {
		r.options.Log.Warn("the registry has lost places of outages; these stay as they are", slog.Int("outages and interruptions", lost))
	}
	w.detector.Restore(snapshot)
	for i := range state.Outages {
		w.told[uint64(state.Outages[i].Number)] = state.Outages[i]
	}
	from := state.ReplayFrom
	if from.IsZero() {
		from = now.Add(-r.options.Settings.Window - 48*time.Hour)
	}
	if w.cursor, err = r.store.Replay(ctx, from, w.feeder); err != nil {
		return nil, err
	}
	w.count()
	r.options.Log.Info("detecting interruptions", slog.Int("usage points", grid.Network.Points()), slog.Int("evidence", w.feeder.Fed),
		slog.Time("since", from), slog.Duration("took", time.Since(began)))
	return w, nil
}

// measure gives the detector the rates that closed outages have shown, and finds the last day that was counted.
func (w *watch) measure(ctx context.Context, now time.Time) error {
	tallies, err := w.store.LastTallies(ctx, now.AddDate(0, 0, -ratesDays))
	if err != nil {
		return err
	}
	for i := range tallies {
		if tallies[i].Day.After(w.tallied) {
			w.tallied = tallies[i].Day
		}
	}
	if rates := RatesOf(tallies); len(rates) > 0 {
		w.detector.SetRates(rates)
	}
	return nil
}

// clockTrembles is how far the clock may go back without the detector beginning anew: for it, time stands still meanwhile.
const clockTrembles = time.Minute

// work feeds, derives and records until the registry changes or the clock is put back (nil), or something ends the turn.
func (w *watch) work(ctx context.Context, changed <-chan struct{}) error {
	tick := time.NewTicker(w.options.Every)
	defer tick.Stop()
	for {
		if now := w.options.Now(); now.Before(w.latest.Add(-clockTrembles)) {
			w.options.Log.Warn("the clock was put back; interruptions are detected anew from what is stored", slog.Duration("by", w.latest.Sub(now)))
			return nil
		}
		if err := w.step(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
			return nil
		case <-tick.C:
		}
	}
}

// step feeds what has been committed, derives, and records what is new.
func (w *watch) step(ctx context.Context) error {
	next, err := w.store.Feed(ctx, w.cursor, w.feeder)
	if err != nil {
		return err
	}
	now, began := w.options.Now(), time.Now()
	if now = now.Round(0); now.After(w.latest) { // by the clock on the wall, which may jump
		w.latest = now
	}
	changes := w.detector.Advance(now)
	w.metrics.derive.Observe(time.Since(began).Seconds())
	w.cursor = next
	w.ping(changes.Pings)
	d := w.detection(&changes, now)
	if len(d.Outages) == 0 && len(d.Rows) == 0 && len(d.Tallies) == 0 && len(d.Topology) == 0 && len(d.Counted) == 0 && changes.Storm == nil && now.Sub(w.recorded) < idle {
		return nil
	}
	began = time.Now()
	if _, err := w.store.Record(ctx, w.epoch, d); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	w.metrics.record.Observe(time.Since(began).Seconds())
	w.recorded = now
	w.count()
	if len(d.Tallies) > 0 {
		return w.measure(ctx, now)
	}
	return nil
}

// detection is what changed, in the words of the store.
func (w *watch) detection(c *interruption.Changes, now time.Time) headend.Detection {
	mark := w.detector.Mark()
	d := headend.Detection{Cursor: w.cursor, ReplayFrom: mark.ReplayFrom, Now: now, NextOutage: mark.NextID, NextRow: mark.NextRow,
		Storm: stormText(mark.Storm)}
	for i := range c.Outages {
		o := w.grid.outage(&c.Outages[i])
		d.Outages = append(d.Outages, o)
		w.told[uint64(o.Number)] = o
	}
	for _, gone := range c.Retracted {
		o := w.told[gone.ID]
		delete(w.told, gone.ID)
		o.Number, o.State, o.Reason, o.Out = int64(gone.ID), headend.OutageWithdrawn, gone.Reason, 0
		d.Outages = append(d.Outages, o)
	}
	for i := range c.Removed {
		d.Rows = append(d.Rows, w.grid.row(&c.Removed[i], true))
	}
	for i := range c.Interruptions {
		d.Rows = append(d.Rows, w.grid.row(&c.Interruptions[i], false))
	}
	for _, t := range c.Topology {
		d.Topology = append(d.Topology, headend.TopologyFault{UsagePoint: w.grid.Network.PointID(t.Point), Node: w.grid.Network.NodeID(t.Node), Against: t.Against})
	}
	if w.counts.due(c) {
		d.Counted = w.counts.changed(w.detector.Counted(), w.grid.Network, now.Add(-w.options.Settings.Window))
	}
	d.Tallies = w.tallies(now)
	maps.DeleteFunc(w.told, func(_ uint64, o headend.Outage) bool {
		return o.State == headend.OutageClosed && o.End.Before(mark.ReplayFrom)
	})
	return d
}

// stormText is the state of storm mode as the store keeps it.
func stormText(s interruption.Storm) []byte {
	text, err := json.Marshal(s)
	if err != nil { // a struct of numbers and times
		panic(err)
	}
	return text
}

// count brings the metrics up to date.
func (w *watch) count() {
	open, out := 0, 0
	for _, o := range w.told {
		if o.State.Open() {
			open++
			out += o.Out
		}
	}
	w.metrics.open.Set(float64(open))
	w.metrics.out.Set(float64(out))
	w.metrics.show(w.feeder, w.detector)
}
