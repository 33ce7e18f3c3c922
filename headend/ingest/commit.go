package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"lastgasp/headend"
)

const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

// commit stores a group and lets its Accepts return. While the database is away it tries again until it
// is back, each job's own context ends, or the stage stops.
func (in *Ingest) commit(ctx context.Context, group []*job) {
	pause := firstPause
	for len(group) > 0 {
		var batches []headend.Batch
		for _, j := range group {
			batches = append(append(batches, j.batches...), j.refused...)
		}
		began := time.Now()
		done, err := in.appendGroup(ctx, batches)
		if err == nil {
			in.back()
			in.metrics.committed(batches, done, time.Since(began))
			for _, j := range group {
				j.finish(nil)
			}
			return
		}
		in.lost(err)
		group = in.wait(ctx, group, pause, err)
		pause = min(2*pause, longestPause)
	}
}

// wait pauses before another try and lets go of jobs that no longer want it.
func (in *Ingest) wait(ctx context.Context, group []*job, pause time.Duration, cause error) []*job {
	select {
	case <-time.After(pause):
	case <-ctx.Done():
		for _, j := range group {
			j.finish(errors.Join(ErrStopped, cause))
		}
		return nil
	}
	kept := group[:0]
	for _, j := range group {
		if err := j.ctx.Err(); err != nil {
			j.finish(err)
			continue
		}
		kept = append(kept, j)
	}
	return kept
}

// appendGroup appends; where the database refuses rows it halves until the poisoned batch stands alone, and
// sets that one aside. The commit outlives the cancel: it was promised to nobody yet, but stopping in
// its middle would only make duplicates.
func (in *Ingest) appendGroup(ctx context.Context, batches []headend.Batch) (headend.Appended, error) {
	attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), in.options.Patience)
	defer cancel()
	done, err := in.store.Append(attempt, batches)
	fault := in.fault(ctx, err)
	if fault == nil {
		return done, err
	}
	if len(batches) > 1 {
		half := len(batches) / 2
		first, err := in.appendGroup(ctx, batches[:half])
		if err != nil {
			return first, err
		}
		second, err := in.appendGroup(ctx, batches[half:])
		return first.Add(second), err
	}
	b := batches[0]
	if b.Refusal != nil { // not even quarantine takes it: our fault, not the device's
		return done, errors.New("quarantine refuses a message: " + fault.Error())
	}
	in.options.Log.Warn("message set aside: the database refuses its rows", slog.String("device", string(b.Device)), slog.Any("error", fault))
	b.Refusal, b.Readings, b.Events = &headend.Refusal{Reason: headend.ReasonDatabase, Detail: fault.Error()}, nil, nil
	in.metrics.quarantined.WithLabelValues(string(headend.ReasonDatabase)).Inc()
	return in.appendGroup(ctx, []headend.Batch{b})
}

// fault tells an error that lies in the rows from one that lies in the database: what the store says, and
// rows that take longer than the limit while the database answers others.
func (in *Ingest) fault(ctx context.Context, err error) *headend.DataFault {
	var fault *headend.DataFault
	if err == nil || errors.As(err, &fault) || !errors.Is(err, context.DeadlineExceeded) {
		return fault
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if in.store.Ready(ctx) != nil {
		return nil
	}
	return &headend.DataFault{Cause: fmt.Errorf("not stored within %s: %w", in.options.Patience, err)}
}

// lost notes that the database is away; the first time it says so.
func (in *Ingest) lost(err error) {
	in.metrics.database.Set(0)
	if in.away.CompareAndSwap(nil, &awayState{since: time.Now(), cause: err}) {
		in.options.Log.Error("database takes no readings; nothing is acknowledged until it does", slog.Any("error", err))
	}
}

func (in *Ingest) back() {
	in.metrics.database.Set(1)
	if a := in.away.Swap(nil); a != nil {
		in.options.Log.Info("database takes readings again", slog.Duration("away", time.Since(a.since).Round(time.Millisecond)))
	}
}
