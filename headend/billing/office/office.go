package office

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

// Store is what the office needs of the store.
type Store interface {
	Zone() string
	ReadBilling(ctx context.Context, ask func(headend.BillingSnapshot) error) error
	KeepBilling(ctx context.Context, keep func(headend.BillingKeeper) error) (kept bool, err error)
	PutValues(ctx context.Context, values []headend.ValueVersion) error
	PutFindings(ctx context.Context, points []uint32, quantity headend.Quantity, from, to time.Time, found []headend.StoredFinding) error
	AskRun(ctx context.Context, run headend.BillingRun) (headend.BillingRun, error)
	MakeRun(ctx context.Context, number int64, makeIt func(headend.BillingRun, headend.BillingSnapshot, io.Writer) (headend.RunResult, error)) (headend.BillingRun, bool, error)
	BillingRun(ctx context.Context, id string) (headend.BillingRun, error)
	BillingBytes(ctx context.Context, id string) io.Reader
}

// Settings are what a utility decides.
type Settings struct {
	Interval   time.Duration      // what meters of models without a type owe: a register at the end of each
	Tolerance  time.Duration      // of those
	Settle     time.Duration      // from the end of an hour until somebody looks what is missing; at least ShortestSettle
	InTime     time.Duration      // a register that comes later after its slot is late
	LookBack   time.Duration      // how far back the very first look goes; 0: what is owed from then on
	Patience   billing.Patience   // for gaps
	Estimation billing.Estimation // when patience is over, and in runs
	CutOff     billing.CutOff     // for registers at the ends of a period
	Rules      billing.Rules      // for validation
	Gate       billing.Gate       // for runs that bring none
	Daily      time.Duration      // after local midnight: the day before is validated, and runs are reviewed; below 24 h
	Review     time.Duration      // how long after the end of its period a run is reviewed; 0: never
}

// ShortestSettle leaves readings of an hour the time to be committed: those that are committed later than that are told by
// the store as late.
const ShortestSettle = 15 * time.Minute

// DefaultSettings are for households with a register each half hour.
func DefaultSettings() Settings {
	return Settings{Interval: 30 * time.Minute, Tolerance: 2 * time.Minute, Settle: 15 * time.Minute, InTime: 24 * time.Hour,
		Patience: billing.DefaultPatience, Estimation: billing.DefaultEstimation, Rules: billing.DefaultRules(), Gate: billing.DefaultGate,
		Daily: 4 * time.Hour, Review: 62 * 24 * time.Hour,
		CutOff: billing.CutOff{Nearest: 5 * time.Minute, Interpolate: 24 * time.Hour, Prefer: billing.Nearest}}
}

// Validate returns an error that names the setting out of bounds.
func (s *Settings) Validate() error {
	utc := billing.Schedule{Every: s.Interval, Tolerance: s.Tolerance, Zone: time.UTC}
	for _, part := range []struct {
		name string
		err  error
	}{{"", utc.Validate()}, {"patience: ", s.Patience.Validate()}, {"estimation: ", s.Estimation.Validate()}, {"cut_off: ", s.CutOff.Validate()}, {"", s.Rules.Validate()}, {"gate: ", s.Gate.Validate()}} {
		if part.err != nil {
			return fmt.Errorf("%s%w", part.name, part.err)
		}
	}
	if s.Settle < ShortestSettle || s.Settle > 24*time.Hour {
		return fmt.Errorf("settle: %s, %s to 24h are possible", s.Settle, ShortestSettle)
	}
	if s.InTime < 0 || s.InTime > 31*24*time.Hour {
		return fmt.Errorf("in_time: %s, 0s to 744h are possible", s.InTime)
	}
	if s.Daily < 0 || s.Daily >= 24*time.Hour {
		return fmt.Errorf("daily: %s, 0s to less than 24h are possible", s.Daily)
	}
	if s.Review < 0 || s.Review > 400*24*time.Hour {
		return fmt.Errorf("review: %s, 0s to 9600h are possible", s.Review)
	}
	if s.LookBack < 0 || s.LookBack > 400*24*time.Hour {
		return fmt.Errorf("look_back: %s, 0s to 9600h are possible", s.LookBack)
	}
	return nil
}

// Options say how an office works.
type Options struct {
	Settings Settings
	Every    time.Duration         // pause between two rounds; 0 is a minute
	Ask      func([]Question) bool // sends questions to devices without waiting, or says that it cannot now; nil: nobody is asked
	Now      func() time.Time      // nil: time.Now
	Registry prometheus.Registerer // nil: no metrics
	Log      *slog.Logger          // nil: slog.Default()
}

// Question asks a device for registers it has in its memory.
type Question struct {
	Gap        int64
	Attempt    int // from 1
	Device     headend.DeviceID
	Gateway    headend.DeviceID // by which it is reached; "": by itself
	Quantities []headend.Quantity
	From, To   time.Time // registers after From and up to To
	Expires    time.Time
}

// Office does the work of billing on one store. It is safe for use from several goroutines.
type Office struct {
	store   Store
	options Options
	zone    *time.Location
	metrics *metrics
}

// New makes an Office. It starts nothing. It returns an error for settings out of bounds.
func New(store Store, options Options) (*Office, error) {
	zone, err := time.LoadLocation(store.Zone())
	if err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	if err := options.Settings.Validate(); err != nil {
		return nil, fmt.Errorf("billing: %w", err)
	}
	if options.Every == 0 {
		options.Every = time.Minute
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	return &Office{store: store, options: options, zone: zone, metrics: newMetrics(options.Registry)}, nil
}

// Zone is where days and months are cut.
func (o *Office) Zone() *time.Location { return o.zone }

// InTime is how long after it was due a register is in time.
func (o *Office) InTime() time.Duration { return o.options.Settings.InTime }

func (o *Office) now() time.Time { return o.options.Now().UTC().Truncate(time.Millisecond) }

// Run does a round each minute until ctx ends. What fails is logged and done again in the next round.
func (o *Office) Run(ctx context.Context) error {
	tick := time.NewTicker(o.options.Every)
	defer tick.Stop()
	for {
		if err := o.Round(ctx); err != nil && ctx.Err() == nil {
			o.options.Log.Error("billing", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Round finds what is missing, takes in what came late, asks again and estimates, does the work of the day once, and makes the runs that wait.
func (o *Office) Round(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{{"gaps", o.Detect}, {"late readings", o.Fill}, {"back-fill", o.Chase}, {"validation", o.Validate}, {"review", o.Review}, {"runs", o.MakeWaiting}} {
		begin := time.Now()
		err := step.do(ctx)
		o.metrics.seconds.WithLabelValues(step.name).Observe(time.Since(begin).Seconds())
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			o.metrics.failed.WithLabelValues(step.name).Inc()
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}
