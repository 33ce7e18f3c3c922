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

// billingSnapshot is headend.BillingSnapshot over one transaction. Rows of the ledger are read as the books read them.
type billingSnapshot struct{ bookSnapshot }

// ReadBilling lets ask look at the store as it is at one moment.
func (s *Store) ReadBilling(ctx context.Context, ask func(headend.BillingSnapshot) error) error {
	if err := s.read(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL jit = off"); err != nil { // compiling takes longer than running
			return err
		}
		return ask(&billingSnapshot{bookSnapshot{tx: tx}})
	}); err != nil {
		return fmt.Errorf("billing: %w", err)
	}
	return nil
}

// Now implements headend.BillingSnapshot, as the methods below do.
func (b *billingSnapshot) Now(ctx context.Context) (now time.Time, err error) {
	err = b.tx.QueryRow(ctx, "SELECT now()").Scan(&now)
	return now.UTC(), err
}

func (b *billingSnapshot) MeterTypes(ctx context.Context) ([]headend.MeterType, error) {
	return list(ctx, b.tx, func(row pgx.CollectableRow) (t headend.MeterType, err error) {
		var every, tolerance int32
		var registers []string
		err = row.Scan(&t.Model, &t.Digits, &t.UnitWh, &t.MaxW, &every, &t.Calendar, &tolerance, &registers, &t.NominalV, &t.RatedA)
		t.Every, t.Tolerance = time.Duration(every)*time.Second, time.Duration(tolerance)*time.Second
		for _, r := range registers {
			t.Registers = append(t.Registers, headend.Quantity(r))
		}
		return t, err
	}, sqlBillingMeterType)
}

func (b *billingSnapshot) LoadProfiles(ctx context.Context) ([]headend.LoadProfileSlot, error) {
	return list(ctx, b.tx, func(row pgx.CollectableRow) (s headend.LoadProfileSlot, err error) {
		var minute int16
		err = row.Scan(&s.Class, &s.Day, &minute, &s.Share)
		s.From = time.Duration(minute) * time.Minute
		return s, err
	}, sqlBillingLoadProfile)
}

func (b *billingSnapshot) LedgerRevision(ctx context.Context) (revision int64, err error) {
	err = b.tx.QueryRow(ctx, "SELECT revision FROM detection").Scan(&revision)
	return revision, err
}

func (b *billingSnapshot) Points(ctx context.Context, set headend.BillingSet, after string, limit int) ([]headend.BilledPoint, error) {
	return b.points(ctx, set, nil, after, limit)
}

func (b *billingSnapshot) PointsOf(ctx context.Context, numbers []uint32) ([]headend.BilledPoint, error) {
	return b.points(ctx, headend.BillingSet{}, int32s(numbers), "", len(numbers))
}

func int32s(numbers []uint32) []int32 {
	out := make([]int32, len(numbers))
	for i, n := range numbers {
		out[i] = int32(n)
	}
	return out
}

// picks are the conditions of a set.
func picks(set headend.BillingSet) []pick {
	some := ""
	if set.UsagePoints != nil {
		some = "some"
	}
	return []pick{{some, sqlBillingPointByID}, {set.Organisation, sqlBillingPointByOrganisation}}
}

func (b *billingSnapshot) points(ctx context.Context, set headend.BillingSet, numbers []int32, after string, limit int) ([]headend.BilledPoint, error) {
	conditions, byNumber := picks(set), ""
	if numbers != nil {
		byNumber = "some"
	}
	sql := picked(sqlBillingPoint, append(conditions, pick{byNumber, sqlBillingPointByNumber})...)
	points, err := list(ctx, b.tx, func(row pgx.CollectableRow) (p headend.BilledPoint, err error) {
		var number int32
		err = row.Scan(&number, &p.ID, &p.Organisation, &p.Generation)
		p.Number = uint32(number)
		return p, err
	}, sql, after, limit, notNil(set.UsagePoints), set.Organisation, notNil(numbers))
	if err != nil {
		return nil, fmt.Errorf("usage points: %w", err)
	}
	if len(points) == 0 {
		return nil, nil
	}
	return points, b.furnish(ctx, points)
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// furnish adds meters, multipliers and the times in which usage points were there.
func (b *billingSnapshot) furnish(ctx context.Context, points []headend.BilledPoint) error {
	at := make(map[int32]*headend.BilledPoint, len(points))
	numbers := make([]int32, len(points))
	for i := range points {
		numbers[i] = int32(points[i].Number)
		at[numbers[i]] = &points[i]
	}
	if err := b.active(ctx, numbers, at); err != nil {
		return fmt.Errorf("usage points: %w", err)
	}
	if err := b.multipliers(ctx, numbers, at); err != nil {
		return fmt.Errorf("multipliers: %w", err)
	}
	if err := b.fittings(ctx, numbers, at); err != nil {
		return fmt.Errorf("meters: %w", err)
	}
	return nil
}

func (b *billingSnapshot) active(ctx context.Context, numbers []int32, at map[int32]*headend.BilledPoint) error {
	rows, err := b.tx.Query(ctx, sqlBillingActive, numbers)
	if err != nil {
		return err
	}
	var number int32
	var from time.Time
	var to *time.Time
	_, err = pgx.ForEachRow(rows, []any{&number, &from, &to}, func() error {
		at[number].Active = append(at[number].Active, headend.Validity{From: from.UTC(), To: end(to)})
		return nil
	})
	return err
}

func (b *billingSnapshot) multipliers(ctx context.Context, numbers []int32, at map[int32]*headend.BilledPoint) error {
	rows, err := b.tx.Query(ctx, sqlBillingMultiplier, numbers)
	if err != nil {
		return err
	}
	var number int32
	var m headend.Multiplier
	var from, to *time.Time
	_, err = pgx.ForEachRow(rows, []any{&number, &m.Numerator, &m.Denominator, &from, &to}, func() error {
		m.UsagePoint, m.From, m.To = at[number].ID, end(from), end(to)
		at[number].Multipliers = append(at[number].Multipliers, m)
		return nil
	})
	return err
}

func (b *billingSnapshot) fittings(ctx context.Context, numbers []int32, at map[int32]*headend.BilledPoint) error {
	rows, err := b.tx.Query(ctx, sqlBillingFitting, numbers)
	if err != nil {
		return err
	}
	var point int32
	var f headend.BilledFitting
	var to *time.Time
	devices := map[int32]bool{}
	if _, err = pgx.ForEachRow(rows, []any{&point, &f.Number, &f.Device, &f.Model, &f.Protocol, &f.Gateway, &f.From, &to}, func() error {
		f.UsagePoint, f.From, f.To = at[point].ID, f.From.UTC(), end(to)
		at[point].Fittings = append(at[point].Fittings, f)
		devices[f.Number] = true
		return nil
	}); err != nil {
		return err
	}
	return b.noted(ctx, devices, at)
}

// noted adds registers that were read from the dial: at the beginning of an installation or at its end.
func (b *billingSnapshot) noted(ctx context.Context, devices map[int32]bool, at map[int32]*headend.BilledPoint) error {
	wanted := make([]int32, 0, len(devices))
	for d := range devices {
		wanted = append(wanted, d)
	}
	noted := map[int32][]headend.NotedRegister{}
	rows, err := b.tx.Query(ctx, sqlBillingNoted, wanted)
	if err != nil {
		return err
	}
	var device int32
	var n headend.NotedRegister
	if _, err = pgx.ForEachRow(rows, []any{&device, &n.Time, &n.Quantity, &n.Wh}, func() error {
		noted[device] = append(noted[device], n)
		return nil
	}); err != nil || len(noted) == 0 {
		return err
	}
	put := func(m *map[headend.Quantity]int64, n headend.NotedRegister) {
		if *m == nil {
			*m = map[headend.Quantity]int64{}
		}
		(*m)[n.Quantity] = n.Wh
	}
	for _, p := range at {
		for i := range p.Fittings {
			f := &p.Fittings[i]
			for _, n := range noted[f.Number] {
				if n.Time.Equal(f.From) {
					put(&f.First, n)
				}
				if n.Time.Equal(f.To) {
					put(&f.Final, n)
				}
			}
		}
	}
	return nil
}

func (b *billingSnapshot) Reads(ctx context.Context, devices []int32, from, to time.Time, quantities []headend.Quantity, take func(*headend.BilledRead) error) error {
	columns := make([]string, len(quantities))
	wanted := make([]string, len(quantities))
	for i, q := range quantities {
		if q.Column() < 0 {
			return &headend.Unknown{What: "quantity", ID: string(q)}
		}
		columns[i], wanted[i] = "r."+string(q), "r."+string(q)+" IS NOT NULL"
	}
	sql := strings.NewReplacer("/*columns*/", strings.Join(columns, ", "), "/*any*/", strings.Join(wanted, " OR ")).Replace(sqlBillingRead)
	rows, err := b.tx.Query(ctx, sql, devices, from, to)
	if err != nil {
		return fmt.Errorf("readings: %w", err)
	}
	defer rows.Close()
	values := make([]headend.Value, len(quantities))
	r := headend.BilledRead{Values: make([]*headend.Value, len(quantities))}
	for rows.Next() {
		raw := rows.RawValues()
		r.Device, r.Time, r.Received, r.Quality = rawInt32(raw[0]), rawTime(raw[1]), rawTime(raw[2]), headend.Quality(rawInt16(raw[3]))
		for i := range quantities {
			if r.Values[i] = nil; raw[4+i] != nil {
				values[i] = decode(quantities[i].Column(), uint64(rawInt64(raw[4+i])))
				r.Values[i] = &values[i]
			}
		}
		if err := take(&r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("readings: %w", err)
	}
	return nil
}

func (b *billingSnapshot) FormerValues(ctx context.Context, devices []int32, from, to time.Time, quantities []headend.Quantity) ([]headend.FormerValue, error) {
	return list(ctx, b.tx, func(row pgx.CollectableRow) (f headend.FormerValue, err error) {
		err = row.Scan(&f.Device, &f.Time, &f.Quantity, &f.Value)
		f.Time = f.Time.UTC()
		return f, err
	}, sqlBillingFormer, devices, from, to, textsOf(quantities))
}

func (b *billingSnapshot) CutOff(ctx context.Context, q headend.CutOffQuestion, take func(*headend.CutOffRow) error) error {
	if !q.Quantity.IsEnergy() {
		return &headend.Unknown{What: "quantity", ID: string(q.Quantity)}
	}
	sql := sqlBillingCutOff
	if q.Limit == 0 && q.Set.UsagePoints == nil {
		sql = sqlBillingCutOffAll
		// Without statistics of the day the planner would go through its readings for each meter.
		if _, err := b.tx.Exec(ctx, "SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '64MB'"); err != nil {
			return fmt.Errorf("registers: %w", err)
		}
	}
	sql = strings.ReplaceAll(picked(sql, picks(q.Set)...), "/*register*/", string(q.Quantity))
	limit := pgtype.Int8{Int64: int64(q.Limit), Valid: q.Limit > 0}
	rows, err := b.tx.Query(ctx, sql, q.At, q.Reach, notNil(q.Set.UsagePoints), q.Set.Organisation, q.After, limit)
	if err != nil {
		return fmt.Errorf("registers: %w", err)
	}
	defer rows.Close()
	var row headend.CutOffRow
	var before, after headend.CutOffRead
	for rows.Next() {
		v := rows.RawValues()
		row = headend.CutOffRow{UsagePoint: string(v[0]), Number: uint32(rawInt32(v[1])), Device: headend.DeviceID(v[2]), Model: string(v[3]), Meters: int(rawInt32(v[4])),
			Before: cutOffRead(v[8:12], &before), After: cutOffRead(v[12:16], &after), Multiplier: &headend.Multiplier{Numerator: 1, Denominator: 1}}
		if row.Device != "" {
			row.From, row.To = rawTime(v[5]), rawTime(v[6])
		}
		if v[7] != nil {
			noted := rawInt64(v[7])
			row.Noted = &noted
		}
		switch {
		case v[16] != nil:
			row.Multiplier.Numerator, row.Multiplier.Denominator = rawInt64(v[16]), rawInt64(v[17])
		case rawBool(v[18]): // it has some, of other times
			row.Multiplier = nil
		}
		if err := take(&row); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("registers: %w", err)
	}
	return nil
}

func cutOffRead(v [][]byte, into *headend.CutOffRead) *headend.CutOffRead {
	if v[0] == nil {
		return nil
	}
	*into = headend.CutOffRead{Time: rawTime(v[0]), Received: rawTime(v[1]), Wh: rawInt64(v[2]), Quality: headend.Quality(rawInt16(v[3]))}
	return into
}

func (b *billingSnapshot) Values(ctx context.Context, points []uint32, quantities []headend.Quantity, from, to time.Time) ([]headend.ValueVersion, error) {
	return list(ctx, b.tx, scanValue, sqlBillingValue, int32s(points), textsOf(quantities), from, to)
}

func scanValue(row pgx.CollectableRow) (v headend.ValueVersion, err error) {
	var number int32
	err = row.Scan(&number, &v.Quantity, &v.From, &v.To, &v.Version, &v.State, &v.Wh, &v.Method, &v.Summed, &v.Absent, &v.Made, &v.Reason)
	v.Number, v.From, v.To, v.Made = uint32(number), v.From.UTC(), v.To.UTC(), v.Made.UTC()
	return v, err
}
