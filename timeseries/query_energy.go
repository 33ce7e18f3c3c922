package timeseries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Energy lists what the meters of a usage point counted in the buckets that begin in a half-open time,
// by meter and bucket. A bucket without a register is not in the list; the one before it says Gap. It
// returns *headend.Unknown for a usage point that is not there.
func (s *Store) Energy(ctx context.Context, usagePoint string, by headend.Period, from, to time.Time) (found []headend.Energy, err error) {
	sql, args, next := sqlQueryEnergyHour, []any{usagePoint, from, to}, func(t time.Time) time.Time { return t.Add(time.Hour) }
	if by == headend.ByDay {
		zone, err := time.LoadLocation(s.zone)
		if err != nil {
			return nil, fmt.Errorf("energy: %w", err)
		}
		sql, args = sqlQueryEnergyDay, append(args, s.zone)
		next = func(t time.Time) time.Time { return t.In(zone).AddDate(0, 0, 1).UTC() }
	}
	err = s.read(ctx, func(tx pgx.Tx) error {
		if err := exists(ctx, tx, sqlQueryUsagePoint, "usage point", usagePoint); err != nil {
			return err
		}
		buckets, err := list(ctx, tx, scanRegisters, sql, args...)
		found = consumptions(buckets, to, next)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("energy: %w", err)
	}
	return found, nil
}

// exists returns *headend.Unknown where a statement that takes the id finds nothing.
func exists(ctx context.Context, tx pgx.Tx, sql, what, id string) error {
	rows, err := tx.Query(ctx, sql, id)
	if err != nil {
		return err
	}
	_, err = pgx.CollectOneRow(rows, func(pgx.CollectableRow) (struct{}, error) { return struct{}{}, nil })
	if errors.Is(err, pgx.ErrNoRows) {
		return &headend.Unknown{What: what, ID: id}
	}
	return err
}

// registers are the first and last registers of a bucket.
type registers struct {
	meter     headend.DeviceID
	bucket    time.Time
	direction [2]register // import, export
}

type register struct {
	firstTime, lastTime *time.Time // nil: no register was read
	first, last         *int64     // Wh
}

func scanRegisters(row pgx.CollectableRow) (r registers, err error) {
	in, out := &r.direction[0], &r.direction[1]
	err = row.Scan(&r.meter, &r.bucket, &in.firstTime, &in.first, &in.lastTime, &in.last, &out.firstTime, &out.first, &out.lastTime, &out.last)
	return r, err
}

// consumptions takes differences between the first registers of buckets that follow each other, which are
// in the order of meter and bucket. Buckets at or behind the end only close the ones before.
func consumptions(buckets []registers, end time.Time, next func(time.Time) time.Time) []headend.Energy {
	var found []headend.Energy
	for i, b := range buckets {
		if !b.bucket.Before(end) {
			continue
		}
		e := headend.Energy{Bucket: b.bucket.UTC(), Meter: b.meter}
		e.Import = consumption(buckets[i:], 0, next)
		e.Export = consumption(buckets[i:], 1, next)
		if e.Import != nil || e.Export != nil {
			found = append(found, e)
		}
	}
	return found
}

func consumption(buckets []registers, direction int, next func(time.Time) time.Time) *headend.Consumption {
	here := buckets[0].direction[direction]
	if here.firstTime == nil {
		return nil
	}
	c := headend.Consumption{From: here.firstTime.UTC(), To: here.lastTime.UTC(), Wh: *here.last - *here.first, Open: true}
	for _, later := range buckets[1:] {
		if later.meter != buckets[0].meter {
			break
		}
		if then := later.direction[direction]; then.firstTime != nil {
			c.To, c.Wh, c.Open = then.firstTime.UTC(), *then.first-*here.first, false
			c.Gap = later.bucket.After(next(buckets[0].bucket))
			break
		}
	}
	if c.Wh < 0 {
		c.Wh, c.Backwards = 0, true
	}
	return &c
}

// Load lists for each hour of a half-open time the energy of all usage points below a node; both ends
// are full hours of UTC. It returns *headend.Unknown for a node that is not there.
func (s *Store) Load(ctx context.Context, node string, from, to time.Time) (found []headend.LoadHour, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		if err := exists(ctx, tx, sqlQueryNode, "node", node); err != nil {
			return err
		}
		found, err = list(ctx, tx, func(row pgx.CollectableRow) (h headend.LoadHour, err error) {
			err = row.Scan(&h.Hour, &h.ImportWh, &h.ExportWh, &h.Reported, &h.UsagePoints)
			h.Hour = h.Hour.UTC()
			return h, err
		}, sqlQueryLoad, node, from, to)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	return found, nil
}
