package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
)

// Store is what ingest needs of the store.
type Store interface {
	// Append commits all batches or none. A *headend.DataFault says that the rows are to blame.
	Append(ctx context.Context, batches []headend.Batch) (headend.Appended, error)
	// Ready returns nil when the database answers.
	Ready(ctx context.Context) error
	// Standing tells what is known of a device.
	Standing(id headend.DeviceID) (headend.Standing, bool)
}

// Options set the stage.
type Options struct {
	Limits     Limits
	Committers int           // transactions at once; 0 is 2: one is encoded while the other is committed
	Group      int           // readings and events at which a transaction takes no more; 0 is 100,000
	Patience   time.Duration // longest a transaction may take; 0 is 30 s. Then it is halved if the database answers, else away
	Registry   prometheus.Registerer
	Log        *slog.Logger
}

// ErrStopped is returned by Accept when the stage has stopped or is stopping.
var ErrStopped = errors.New("ingest has stopped")

// Ingest is the stage. It implements protocols.Sink.
type Ingest struct {
	store   Store
	options Options
	metrics *metrics
	check   checker
	queue   chan *job
	stopped chan struct{} // closed when Run takes no more jobs
	away    atomic.Pointer[awayState]
}

type awayState struct {
	since time.Time
	cause error
}

// New makes the stage. Run starts it.
func New(store Store, options Options) *Ingest {
	if options.Committers == 0 {
		options.Committers = 2
	}
	if options.Group == 0 {
		options.Group = 100_000
	}
	if options.Patience == 0 {
		options.Patience = 30 * time.Second
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	options.Limits.setDefaults()
	return &Ingest{store: store, options: options, metrics: newMetrics(options.Registry),
		check: checker{limits: options.Limits, standing: store.Standing},
		queue: make(chan *job, 64), stopped: make(chan struct{})}
}

// Run commits what Accept brings until ctx ends, and then what was accepted before. It returns nil.
func (in *Ingest) Run(ctx context.Context) error {
	var committers sync.WaitGroup
	for range in.options.Committers {
		committers.Go(func() { in.commitAll(ctx) })
	}
	committers.Wait()
	close(in.stopped)
	for { // jobs that slipped in while the last committer left
		select {
		case j := <-in.queue:
			j.finish(ErrStopped)
		default:
			return nil
		}
	}
}

// Accept checks the batches, waits until they are committed and returns nil; see protocols.Sink. It
// returns the context's error when that ends first, and ErrStopped when the stage has stopped.
func (in *Ingest) Accept(ctx context.Context, batches []headend.Batch) error {
	if len(batches) == 0 {
		return nil
	}
	j := &job{ctx: ctx, batches: batches, done: make(chan error, 1)}
	for i := range batches {
		j.refused = in.check.check(&batches[i], j.refused)
		in.check.registers.judge(&batches[i])
		j.weight += 1 + len(batches[i].Readings) + len(batches[i].Events)
	}
	in.metrics.received.Add(float64(len(batches)))
	in.metrics.waiting.Add(float64(len(batches)))
	defer in.metrics.waiting.Sub(float64(len(batches)))
	select {
	case in.queue <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-in.stopped:
		return ErrStopped
	}
	select {
	case err := <-j.done:
		return err
	case <-in.stopped:
		if j.abandon() {
			return ErrStopped
		}
	case <-ctx.Done():
		if j.abandon() {
			return ctx.Err()
		}
	}
	return <-j.done // a committer has it in hand and may read the batches: wait
}

// Refusals tells what Accept would set aside of the batches, without storing anything or changing them.
func (in *Ingest) Refusals(batches []headend.Batch) []headend.Refusal {
	var refusals []headend.Refusal
	for _, b := range batches {
		b.Readings, b.Events = slices.Clone(b.Readings), slices.Clone(b.Events)
		for _, part := range append(in.check.check(&b, nil), b) {
			if part.Refusal != nil {
				refusals = append(refusals, *part.Refusal)
			}
		}
	}
	return refusals
}

// Ready returns nil, or since when and why the database takes nothing.
func (in *Ingest) Ready() error {
	if a := in.away.Load(); a != nil {
		return fmt.Errorf("the database takes no readings since %s: %w", a.since.UTC().Format(time.RFC3339), a.cause)
	}
	return nil
}

// job is one Accept that waits.
type job struct {
	ctx     context.Context
	batches []headend.Batch
	refused []headend.Batch // parts of batches, set aside
	weight  int
	state   atomic.Int32 // 0 waiting, 1 taken by a committer, 2 abandoned by Accept
	done    chan error
}

func (j *job) take() bool       { return j.state.CompareAndSwap(0, 1) }
func (j *job) abandon() bool    { return j.state.CompareAndSwap(0, 2) }
func (j *job) finish(err error) { j.done <- err }

func (in *Ingest) commitAll(ctx context.Context) {
	for {
		select {
		case j := <-in.queue:
			in.commit(ctx, in.gather(j))
		case <-ctx.Done():
			select { // what was accepted before the end still goes
			case j := <-in.queue:
				in.commit(ctx, in.gather(j))
			default:
				return
			}
		}
	}
}

// gather joins the job with all that already waits, up to a group's size.
func (in *Ingest) gather(j *job) []*job {
	var group []*job
	weight := 0
	for {
		if j.take() {
			group = append(group, j)
			weight += j.weight
		}
		if weight >= in.options.Group {
			return group
		}
		select {
		case j = <-in.queue:
		default:
			return group
		}
	}
}
