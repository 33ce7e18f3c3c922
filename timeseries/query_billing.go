package timeseries

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"lastgasp/headend"
)

// optional is a time that may be none.
func optional(t time.Time) pgtype.Timestamptz { return pgtype.Timestamptz{Time: t, Valid: !t.IsZero()} }

// Gaps lists gaps by number, after one of them.
func (s *Store) Gaps(ctx context.Context, f headend.GapFilter, after int64, limit int) (found []headend.Gap, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanGap, sqlBillingGapList, after, limit, f.UsagePoint, f.State, string(f.Quantity), optional(f.From), optional(f.To), f.Organisation)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("gaps: %w", err)
	}
	return found, nil
}

// Findings lists what rules hold against readings, in the order of time, after one of them.
func (s *Store) Findings(ctx context.Context, f headend.FindingFilter, after headend.FindingPlace, limit int) (found []headend.StoredFinding, err error) {
	if after.From.IsZero() {
		after.From = f.From.Add(-time.Microsecond)
	}
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanFinding, sqlBillingFindingList, f.From, f.To, f.UsagePoint, f.Rule, f.Gone, f.Organisation,
			after.From, after.UsagePoint, string(after.Quantity), after.Rule, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("findings: %w", err)
	}
	return found, nil
}

func scanFinding(row pgx.CollectableRow) (f headend.StoredFinding, err error) {
	var number int32
	var gone *time.Time
	err = row.Scan(&f.UsagePoint, &number, &f.Quantity, &f.Rule, &f.From, &f.To, &f.Detail, &f.Found, &gone)
	f.Number, f.From, f.To, f.Found, f.Gone = uint32(number), f.From.UTC(), f.To.UTC(), f.Found.UTC(), end(gone)
	return f, err
}

// ValueVersions lists all versions of the values of a usage point that begin in a half-open time, by time. It returns
// *headend.Unknown for a usage point that is not there.
func (s *Store) ValueVersions(ctx context.Context, usagePoint string, quantity headend.Quantity, from, to time.Time, limit int) (found []headend.ValueVersion, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		if err := exists(ctx, tx, sqlQueryUsagePoint, "usage point", usagePoint); err != nil {
			return err
		}
		found, err = list(ctx, tx, scanValue, sqlBillingValueAll, usagePoint, string(quantity), from, to, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	for i := range found {
		found[i].UsagePoint = usagePoint
	}
	return found, nil
}

// successBy says how read success is grouped: key, name, join.
var successBy = map[string][3]string{
	"": {"''", "''", ""},
	"organisation": {"coalesce(o.id, '')", "coalesce((SELECT v.name FROM organisation_version v WHERE v.organisation = s.organisation ORDER BY v.valid_from DESC LIMIT 1), '')",
		"LEFT JOIN organisation o ON o.number = s.organisation"},
	"gateway":  {"coalesce(d.id, '')", "''", "LEFT JOIN device d ON d.number = s.gateway"},
	"model":    {"s.model", "''", ""},
	"schedule": {"s.schedule", "''", ""},
}

// Success reports read success by hours that begin in a half-open time. It returns *headend.BadRequest for what it cannot be
// reported by.
func (s *Store) Success(ctx context.Context, f headend.SuccessFilter, organisation string) (found []headend.SuccessRow, err error) {
	by, ok := successBy[f.By]
	if !ok {
		return nil, &headend.BadRequest{Reason: fmt.Sprintf("read success by %q: organisation, gateway, model, schedule are possible", f.By)}
	}
	bucket := "hour"
	switch {
	case f.Whole:
		bucket = "NULL::timestamptz"
	case f.Daily:
		bucket = "date_trunc('day', hour, $5)"
	}
	sql := strings.NewReplacer("/*key*/", by[0], "/*name*/", by[1], "/*joined*/", by[2], "/*bucket*/", bucket).Replace(sqlBillingSuccess)
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, func(row pgx.CollectableRow) (r headend.SuccessRow, err error) {
			var at *time.Time
			err = row.Scan(&r.Key, &r.Name, &at, &r.Expected, &r.InTime, &r.Late, &r.Missing, &r.Pending)
			r.Bucket = end(at)
			return r, err
		}, sql, f.From, f.To, f.Pending, string(f.Quantity), s.zone, organisation)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read success: %w", err)
	}
	return found, nil
}
