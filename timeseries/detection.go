package timeseries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Detection is the state of the detector as it was last recorded, with its outages and rows of the ledger that are not
// over or reach into the time that is replayed. What was imported is not among them. now is what the clock shows: a state
// from later was recorded by a clock that was ahead, and is put back by as much, lest evidence counts as too old until then.
func (s *Store) Detection(ctx context.Context, now time.Time) (d headend.Detection, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		var from, recorded *time.Time
		var outages, rows int64
		if err := tx.QueryRow(ctx, sqlDetectionState).Scan(&d.Cursor, &from, &recorded, &outages, &rows, &d.Storm, &d.Settings); err != nil {
			return err
		}
		d.ReplayFrom, d.Now, d.NextOutage, d.NextRow = end(from), end(recorded), uint64(outages), uint64(rows)
		if ahead := d.Now.Sub(now); ahead > 0 && !d.Now.IsZero() {
			d.Now = now.UTC()
			if !d.ReplayFrom.IsZero() {
				d.ReplayFrom = d.ReplayFrom.Add(-ahead)
			}
		}
		if d.Outages, err = list(ctx, tx, scanOutage, picked(sqlOutageSelect, pick{"window", sqlDetectionOutage}), d.ReplayFrom); err != nil {
			return err
		}
		if d.Rows, err = list(ctx, tx, scanLedgerRow, picked(sqlInterruptionSelect, pick{"window", sqlDetectionInterruption}), d.ReplayFrom); err != nil {
			return err
		}
		d.Counted, err = list(ctx, tx, scanCount, sqlDetectionFailure, d.ReplayFrom)
		return err
	})
	if err != nil {
		return headend.Detection{}, fmt.Errorf("state of the detector: %w", err)
	}
	return d, nil
}

// Record stores what the detector has found and how far it has come, in one transaction, and returns the revision of
// the ledger; that is a new one where there are outages or rows, or counts of failures that are not stored yet. headend.ErrLeaseLost says that the epoch is over:
// nothing is written. A row that says what is stored already makes no new version.
func (s *Store) Record(ctx context.Context, epoch int64, d headend.Detection) (revision int64, err error) {
	err = s.change(ctx, func(tx pgx.Tx) error {
		counts, err := changedCounts(ctx, tx, d.Counted) // nobody but who holds the lease writes these
		if err != nil {
			return err
		}
		found := len(d.Outages) > 0 || len(d.Rows) > 0 || len(counts) > 0
		grown := 0
		if found {
			grown = 1
		}
		var storm *string
		if len(d.Storm) > 0 {
			text := string(d.Storm)
			storm = &text
		}
		err = tx.QueryRow(ctx, sqlRecordDetection, epoch, d.Cursor, orNull(d.ReplayFrom), orNull(d.Now), int64(d.NextOutage), int64(d.NextRow),
			storm, d.Settings, grown).Scan(&revision)
		if errors.Is(err, pgx.ErrNoRows) {
			return headend.ErrLeaseLost
		}
		if err != nil {
			return err
		}
		if err := recordRates(ctx, tx, &d); err != nil || !found {
			return err
		}
		if err := writeLedger(ctx, tx, revision, "detector", "", d.Outages, d.Rows); err != nil {
			return err
		}
		return writeCounts(ctx, tx, revision, counts)
	})
	if err != nil {
		return 0, fmt.Errorf("record: %w", err)
	}
	return revision, nil
}

// change runs a transaction that writes; all of it or nothing.
// What is somebody's act leaves an entry in the audit trail, in the same transaction: the one that write adds, or one that says
// no more than the act itself does.
func (s *Store) change(ctx context.Context, write func(tx pgx.Tx) error) error {
	return s.transact(ctx, func(tx pgx.Tx) error {
		act, before := headend.ActOf(ctx), 0
		if act != nil {
			before = act.Entries
		}
		if err := write(tx); err != nil || act == nil || act.Entries > before {
			return err
		}
		return audit(ctx, tx, "", nil, nil)
	})
}

// transact runs a transaction of what nobody has to answer for.
func (s *Store) transact(ctx context.Context, write func(tx pgx.Tx) error) error {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return slow(ctx, withoutSecret(err))
	}
	if err := write(tx); err != nil {
		return rollbackAfter(ctx, tx, slow(ctx, err))
	}
	if err := tx.Commit(ctx); err != nil {
		return rollbackAfter(ctx, tx, slow(ctx, err))
	}
	return nil
}

// orNull is a time for a column that knows NULL where there is none.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// recordRates stores what the outages have proven about segments and places in the network.
func recordRates(ctx context.Context, tx pgx.Tx, d *headend.Detection) error {
	if n := len(d.Tallies); n > 0 {
		days, segments, meterDays := make([]time.Time, n), make([]string, n), make([]float64, n)
		proven, gasped, logged, returned, denied := make([]int, n), make([]int, n), make([]int, n), make([]int, n), make([]int, n)
		for i, t := range d.Tallies {
			days[i], segments[i], meterDays[i] = t.Day, t.Segment, t.MeterDays
			proven[i], gasped[i], logged[i], returned[i], denied[i] = t.Proven, t.Gasped, t.Logged, t.Returned, t.False
		}
		if _, err := tx.Exec(ctx, sqlRecordTally, days, segments, proven, gasped, logged, returned, denied, meterDays); err != nil {
			return fmt.Errorf("%d tallies: %w", n, err)
		}
	}
	if n := len(d.Topology); n > 0 {
		points, nodes, against := make([]string, n), make([]string, n), make([]int, n)
		for i, t := range d.Topology {
			points[i], nodes[i], against[i] = t.UsagePoint, t.Node, t.Against
		}
		if _, err := tx.Exec(ctx, sqlRecordTopology, points, nodes, against); err != nil {
			return fmt.Errorf("%d faults of the topology: %w", n, err)
		}
	}
	return nil
}

// LastTallies lists the tallies of days since a time, by day and segment.
func (s *Store) LastTallies(ctx context.Context, since time.Time) (found []headend.SegmentTally, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanTally, sqlTallySince, since)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tallies: %w", err)
	}
	return found, nil
}

func scanTally(row pgx.CollectableRow) (t headend.SegmentTally, err error) {
	err = row.Scan(&t.Day, &t.Segment, &t.Proven, &t.Gasped, &t.Logged, &t.Returned, &t.False, &t.MeterDays)
	t.Day = t.Day.UTC()
	return t, err
}
