package timeseries

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Who looks what is missing wants of a reading its meter, its time, when it was received, the reservations against it and which
// registers it has. Each commit notes that beside its rows, in the same transaction: a note for each hour, a few bytes a row.
// Rows of a commit lie by meter and mostly have one time, so what is like the row before takes no room.
//
//	version (1), then of each row: meter, as difference (signed varint); what follows (a byte: 1 time, 2 received, 4 quality and
//	registers, 8 the row took the place of another); time and received in µs, as differences (signed varints); quality, registers (varints)

// arrivalVersion is the first byte of a note.
const arrivalVersion = 1

const (
	newTime = 1 << iota
	newReceived
	newMask
	isAgain
)

// energyMask has the bits of the columns that are registers.
const energyMask = 1<<headend.EnergyColumns - 1

// arrived is what a note says of a row. Registers are bits by column.
type arrived struct {
	meter    int32
	quality  headend.Quality
	mask     uint32
	time     int64 // µs since 2000
	received int64
	again    bool // the row took the place of one that was there
}

// arrivals are the notes of one commit.
type arrivals struct {
	at   map[int64]int // by hour
	all  []arrivalNote
	used int
}

type arrivalNote struct {
	hour, first, last int64
	again             int32
	former            arrived
	reads             []byte
}

const microsAnHour = 3_600_000_000

// take makes the notes of rows. A row without a register is of no account.
func (a *arrivals) take(rows []row) {
	if a.at == nil {
		a.at = map[int64]int{}
	}
	clear(a.at)
	a.used = 0
	var n *arrivalNote
	for i := range rows {
		r := &rows[i]
		if r.mask&energyMask == 0 {
			continue
		}
		if n == nil || r.time < n.hour || r.time >= n.hour+microsAnHour {
			n = a.note(r.time - mod(r.time, microsAnHour))
		}
		n.add(arrived{meter: r.meter, quality: r.quality, mask: uint32(r.mask & energyMask), time: r.time, received: r.received, again: r.again})
	}
}

func (a *arrivals) note(hour int64) *arrivalNote {
	if at, there := a.at[hour]; there {
		return &a.all[at]
	}
	if a.used == len(a.all) {
		a.all = append(a.all, arrivalNote{})
	}
	a.at[hour] = a.used
	n := &a.all[a.used]
	a.used++
	*n = arrivalNote{hour: hour, first: hour + microsAnHour, last: hour, former: arrived{time: hour, received: hour}, reads: append(n.reads[:0], arrivalVersion)}
	return n
}

func (n *arrivalNote) add(r arrived) {
	n.first, n.last = min(n.first, r.time), max(n.last, r.time)
	b := binary.AppendVarint(n.reads, int64(r.meter)-int64(n.former.meter))
	at := len(b)
	b = append(b, 0)
	if r.time != n.former.time {
		b[at] |= newTime
		b = binary.AppendVarint(b, r.time-n.former.time)
	}
	if r.received != n.former.received {
		b[at] |= newReceived
		b = binary.AppendVarint(b, r.received-n.former.received)
	}
	if r.quality != n.former.quality || r.mask != n.former.mask {
		b[at] |= newMask
		b = binary.AppendUvarint(b, uint64(r.quality))
		b = binary.AppendUvarint(b, uint64(r.mask))
	}
	if r.again {
		b[at] |= isAgain
		n.again++
	}
	n.reads, n.former = b, r
}

var errArrival = errors.New("a note of arrivals cannot be read")

// readArrivals passes the rows of a note to take.
func readArrivals(hour int64, reads []byte, take func(*arrived)) error {
	if len(reads) == 0 || reads[0] != arrivalVersion {
		return fmt.Errorf("%w: its version is not %d", errArrival, arrivalVersion)
	}
	row := arrived{time: hour, received: hour}
	for r := (varints{rest: reads[1:]}); len(r.rest) > 0; {
		row.meter += int32(r.signed())
		flags := r.byte()
		if flags&newTime != 0 {
			row.time += r.signed()
		}
		if flags&newReceived != 0 {
			row.received += r.signed()
		}
		if flags&newMask != 0 {
			row.quality, row.mask = headend.Quality(r.unsigned()), uint32(r.unsigned())
		}
		row.again = flags&isAgain != 0
		if r.cut {
			return fmt.Errorf("%w: it ends in the middle of a row", errArrival)
		}
		take(&row)
	}
	return nil
}

// insertArrivals stores the notes of what a transaction writes.
func (p *pivot) insertArrivals(ctx context.Context, tx pgx.Tx, rows []row) error {
	p.arrivals.take(rows)
	n := p.arrivals.used
	if n == 0 {
		return nil
	}
	hours, first, last := make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	again, reads := make([]int32, n), make([][]byte, n)
	for i := range n {
		a := &p.arrivals.all[i]
		hours[i], first[i], last[i], again[i], reads[i] = fromMicros(a.hour), fromMicros(a.first), fromMicros(a.last), a.again, a.reads
	}
	if _, err := tx.Exec(ctx, sqlArrivalInsert, hours, first, last, again, reads); err != nil {
		return fmt.Errorf("note what came: %w", err)
	}
	return nil
}
