package timeseries

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Bounds of an export.
const (
	devicesABlock = 50_000        // whose places are in memory at once, some 8 MB
	sliceOfHeap   = 6 * time.Hour // engine postgres: what is sorted at once
	longestSlice  = 4 * 366 * day // a cursor may name
	fewDevices    = 2_000         // fewer than this make slices longer
	mostSlices    = 64            // times as long as usual
	day           = 24 * time.Hour
	shortestSlice = 10 * time.Minute
)

// blockBytes is how much the columns of a ReadingBlock hold.
var blockBytes = 4 << 20

// ExportReadings gives the readings of a selection, block by block, each row after the given place (nil: all), at most limit
// rows (0: all). next is the place after which the rest begins, nil where there is none; on an error it is that of the last
// row that was given. Memory does not grow with what is read. Each slice of time is a snapshot of its own, so that an
// export of hours keeps nothing back; a reading that comes in for a time that was given already is not in it.
//
// It returns *headend.Unknown for a name there is nothing of, headend.ErrCursor for a place that no export gave, and
// what give returned.
func (s *Store) ExportReadings(ctx context.Context, of headend.ReadingSelection, after *headend.ReadingPlace, limit int, give func(*headend.ReadingBlock) error) (next *headend.ReadingPlace, err error) {
	e := &exporting{store: s, ctx: ctx, of: of, give: give, left: limit, bounded: limit > 0, place: after}
	if err := e.prepare(); err != nil {
		return after, fmt.Errorf("export of readings: %w", slow(ctx, err))
	}
	e.rows.full = e.flush
	err = e.slices()
	if flushed := e.flush(); err == nil { // what came in before an error is good
		err = flushed
	}
	if err != nil {
		return e.place, fmt.Errorf("export of readings: %w", err)
	}
	if e.rows.more {
		return e.place, nil
	}
	return nil, nil
}

// exporting is one export under way.
type exporting struct {
	store   *Store
	ctx     context.Context
	of      headend.ReadingSelection
	sql     string // with marks for each COPY
	give    func(*headend.ReadingBlock) error
	bounded bool
	left    int // rows that may be given, where bounded
	slice   int64
	rows    copyRows
	place   *headend.ReadingPlace // of the last row given
	all     []exportDevice        // every device of the selection, where one block holds them
}

// prepare finds out what the selection stands for.
func (e *exporting) prepare() error {
	return e.store.read(e.ctx, func(tx pgx.Tx) error {
		if err := e.unknown(tx); err != nil {
			return err
		}
		if err := e.columns(tx); err != nil {
			return err
		}
		devices, err := e.devices(tx, 0)
		if err != nil {
			return err
		}
		if len(devices) < devicesABlock {
			e.all = devices
		}
		return e.cut(tx, len(devices))
	})
}

func (e *exporting) unknown(tx pgx.Tx) error {
	found, err := list(e.ctx, tx, func(row pgx.CollectableRow) (u headend.Unknown, err error) {
		err = row.Scan(&u.What, &u.ID)
		return u, err
	}, sqlExportUnknown, orEmpty(e.of.Devices), orEmpty(e.of.UsagePoints), e.of.Organisation, e.of.Node)
	if err == nil && len(found) > 0 {
		return &found[0]
	}
	return err
}

// orEmpty is a list that is never NULL.
func orEmpty[T ~string](names []T) []string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = string(n)
	}
	return list
}

// columns writes the part of the statement that the quantities decide.
func (e *exporting) columns(tx pgx.Tx) error {
	want, err := wantedQuantities(e.ctx, tx, e.of.Quantities)
	if err != nil {
		return err
	}
	numbers := map[string]int16{}
	if want.narrow {
		if _, err := list(e.ctx, tx, func(row pgx.CollectableRow) (struct{}, error) {
			var number int16
			var name string
			err := row.Scan(&number, &name)
			numbers[name] = number
			return struct{}{}, err
		}, sqlQuantityAll); err != nil {
			return err
		}
	}
	var own, others, both, list []string
	for i, q := range e.of.Quantities {
		if column := q.Column(); column >= 0 {
			name := pgx.Identifier{string(headend.Columns[column])}.Sanitize()
			own, both = append(own, name), append(both, "r."+name)
			continue
		}
		number := strconv.Itoa(int(numbers[string(q)]))
		name := "o" + strconv.Itoa(i)
		list, both = append(list, number), append(both, "o."+name)
		others = append(others, "max(value) FILTER (WHERE quantity = "+number+") AS "+name)
	}
	if !want.wide {
		want.condition = "AND false"
	}
	e.sql = sqlExportReading
	if want.narrow {
		e.sql = sqlExportReadingOther
	}
	e.sql = strings.NewReplacer("/*columns*/", commaList(own), "/*others*/", commaList(others), "/*both*/", commaList(both),
		"/*numbers*/", strings.Join(list, ", "), "/*wanted*/", want.condition).Replace(e.sql)
	e.rows.begin(e.of.Quantities)
	return nil
}

// commaList is a list that follows another.
func commaList(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ", " + strings.Join(names, ", ")
}

// cut decides how long the slices are: those of the place to go on from, else what the engine reads best at once, and
// more of it for few devices.
func (e *exporting) cut(tx pgx.Tx, devices int) error {
	if p := e.place; p != nil {
		first, end := e.of.From.UnixMicro(), e.of.To.UnixMicro()
		if p.Slice < shortestSlice.Microseconds() || p.Slice > longestSlice.Microseconds() || p.From%p.Slice != 0 ||
			p.From <= first-p.Slice || p.From >= end || p.Time < p.From || p.Time >= p.From+p.Slice {
			return headend.ErrCursor
		}
		e.slice = p.Slice
		return nil
	}
	length := sliceOfHeap
	if e.store.engine == Timescale {
		if err := tx.QueryRow(e.ctx, sqlExportChunk).Scan(&length); err != nil {
			return fmt.Errorf("length of chunks: %w", err)
		}
	}
	if devices < fewDevices {
		length *= time.Duration(min(fewDevices/max(devices, 1), mostSlices))
	}
	e.slice = min(length, longestSlice).Microseconds()
	return nil
}

// exportDevice is a device of the selection, with the usage points it was at in the time.
type exportDevice struct {
	number int32
	id     headend.DeviceID
	spans  []exportSpan
}

// exportSpan is when a device was at a usage point, in µs since 2000.
type exportSpan struct {
	point    string
	from, to int64
}

// devices lists the next devices of the selection behind a number.
func (e *exporting) devices(tx pgx.Tx, after int32) ([]exportDevice, error) {
	var points strings.Builder
	for _, p := range []pick{{strings.Join(e.of.UsagePoints, ""), sqlExportPointByID}, {e.of.Node, sqlExportPointByNode}, {e.of.Organisation, sqlExportPointByOrganisation}} {
		if p.filter != "" {
			points.WriteString(p.condition)
		}
	}
	devices := ""
	if len(e.of.Devices) > 0 {
		devices = sqlExportDeviceByID
	}
	if points.Len() > 0 {
		devices += strings.Replace(sqlExportDeviceByPoint, "/*points*/", points.String(), 1)
	}
	sql := strings.NewReplacer("/*devices*/", devices, "/*installations*/", points.String()).Replace(sqlExportDevice)
	rows, err := tx.Query(e.ctx, sql, after, devicesABlock, e.of.From, e.of.To, orEmpty(e.of.Devices), orEmpty(e.of.UsagePoints), e.of.Organisation, e.of.Node)
	if err != nil {
		return nil, err
	}
	var found []exportDevice
	var number int32
	var id headend.DeviceID
	var point *string
	var from, to instant
	_, err = pgx.ForEachRow(rows, []any{&number, &id, &point, &from, &to}, func() error {
		if n := len(found); n == 0 || found[n-1].number != number {
			found = append(found, exportDevice{number: number, id: id})
		}
		if d := &found[len(found)-1]; point != nil {
			d.spans = append(d.spans, exportSpan{*point, int64(from), int64(to)})
		}
		return nil
	})
	if err == nil && e.limited() && !e.placed() {
		err = e.stands(tx, found)
	}
	return found, err
}

// limited tells whether somebody asks who sees a part of the organisation alone. COPY does not go through the views of the part, which would
// look up each row; the devices and the times at which they were there do, and rows of other times are left out.
func (e *exporting) limited() bool { return headend.PrincipalOf(e.ctx).Limited() }

// stands adds when devices stood for nodes.
func (e *exporting) stands(tx pgx.Tx, devices []exportDevice) error {
	numbers, at := make([]int32, len(devices)), make(map[int32]*exportDevice, len(devices))
	for i := range devices {
		numbers[i], at[devices[i].number] = devices[i].number, &devices[i]
	}
	rows, err := tx.Query(e.ctx, sqlExportDeviceStands, numbers, e.of.From, e.of.To)
	if err != nil {
		return err
	}
	var number int32
	var from, to instant
	_, err = pgx.ForEachRow(rows, []any{&number, &from, &to}, func() error {
		at[number].spans = append(at[number].spans, exportSpan{"", int64(from), int64(to)})
		return nil
	})
	return err
}

// placed tells whether only readings of a device at a usage point count.
func (e *exporting) placed() bool {
	return len(e.of.UsagePoints) > 0 || e.of.Organisation != "" || e.of.Node != ""
}

// slices goes through the time.
func (e *exporting) slices() error {
	first, end := e.of.From.UnixMicro(), e.of.To.UnixMicro()
	begin := first - mod(first, e.slice)
	after := exportKey{}
	if e.place != nil {
		begin, after = e.place.From, exportKey{e.place.Device, e.place.Time - epochUnixMicro, true}
	}
	for ; begin < end && !e.rows.more; begin += e.slice {
		lo, hi := max(begin, first)-epochUnixMicro, min(begin+e.slice, end)-epochUnixMicro
		if lo < hi {
			if err := e.blocks(begin, lo, hi, after); err != nil {
				return err
			}
		}
		after = exportKey{}
	}
	return nil
}

// exportKey is a row that was read: the next ones are behind it.
type exportKey struct {
	device int32
	time   int64 // µs since 2000
	is     bool
}

// blocks goes through the devices of a slice.
func (e *exporting) blocks(slice, lo, hi int64, after exportKey) error {
	for known := e.all; ; {
		devices := known
		if known == nil {
			number := after.device
			if after.is {
				number-- // the device itself may have more
			}
			if err := e.store.read(e.ctx, func(tx pgx.Tx) (err error) {
				devices, err = e.devices(tx, number)
				return err
			}); err != nil {
				return err
			}
		}
		if len(devices) > 0 {
			if err := e.block(devices, slice, lo, hi, after); err != nil {
				return err
			}
		}
		if known != nil || len(devices) < devicesABlock || e.rows.more {
			return nil
		}
		after = exportKey{device: devices[len(devices)-1].number}
	}
}

// block reads the rows of some devices in a slice; where there is a limit, in as many pieces as it takes to give it.
func (e *exporting) block(devices []exportDevice, slice, lo, hi int64, after exportKey) error {
	e.rows.expect(devices, e.placed() || e.limited(), slice)
	for {
		most, limit := 0, ""
		if e.bounded {
			most = e.left - e.rows.block.Rows() + 1 // one more tells whether there are more
			limit = "LIMIT " + strconv.Itoa(most)
		}
		e.rows.left, e.rows.bounded, e.rows.read = e.left, e.bounded, 0
		sql := strings.NewReplacer("/*where*/", exportWhere(devices, lo, hi, after), "/*limit*/", limit).Replace(e.sql)
		if err := e.copy(sql); err != nil {
			return err
		}
		if e.rows.more || most == 0 || e.rows.read < most {
			return nil
		}
		after = exportKey{e.rows.meter, e.rows.time, true}
	}
}

// exportWhere is the condition on rows: devices by their range where most numbers of it are theirs, else by their list.
func exportWhere(devices []exportDevice, lo, hi int64, after exportKey) string {
	var b strings.Builder
	first, last := devices[0].number, devices[len(devices)-1].number
	if after.is {
		first = max(first, after.device)
	}
	fmt.Fprintf(&b, "meter BETWEEN %d AND %d", first, last)
	if int(last-first) >= 2*len(devices) {
		b.WriteString(" AND meter = ANY ('{")
		for i, d := range devices {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strconv.Itoa(int(d.number)))
		}
		b.WriteString("}')")
	}
	fmt.Fprintf(&b, " AND time >= %s AND time < %s", literal(lo), literal(hi))
	if after.is {
		fmt.Fprintf(&b, " AND (meter, time) > (%d, %s)", after.device, literal(after.time))
	}
	return b.String()
}

// literal is a time as SQL writes it.
func literal(us int64) string {
	return "'" + fromMicros(us).Format("2006-01-02 15:04:05.999999") + "+00'::timestamptz"
}

// copy runs one COPY. Its rows go to e.rows, which gives a block whenever one is full.
func (e *exporting) copy(sql string) error {
	err := e.copyInto(sql)
	if given := e.rows.refused; given != nil { // what the receiver said, not that we gave up therefore
		return given
	}
	return err
}

func (e *exporting) copyInto(sql string) (err error) {
	tx, err := e.store.pool.BeginTx(e.ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return slow(e.ctx, withoutSecret(err))
	}
	defer func() { err = rollbackAfter(e.ctx, tx, err) }()
	if _, err := tx.Exec(e.ctx, sqlExportBound); err != nil {
		return slow(e.ctx, err)
	}
	e.rows.start()
	if _, err := tx.Conn().PgConn().CopyTo(e.ctx, &e.rows, sql); err != nil {
		return slow(e.ctx, err)
	}
	if err := e.rows.ended(); err != nil {
		return err
	}
	if err := tx.Commit(e.ctx); err != nil {
		return slow(e.ctx, err)
	}
	return nil
}

// flush gives what has been gathered.
func (e *exporting) flush() error {
	b := &e.rows.block
	n := b.Rows()
	if n == 0 || e.rows.refused != nil {
		return nil
	}
	if err := e.give(b); err != nil {
		e.rows.refused = err
		return err
	}
	e.place = &headend.ReadingPlace{Slice: e.slice, From: e.rows.lastSlice, Device: e.rows.last.number, Time: b.Time[n-1]}
	if e.bounded {
		e.left -= n
	}
	e.rows.clear()
	return nil
}
