package timeseries

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// writeLedger writes outages and rows as one revision, which the caller has taken with the lock of detection.
func writeLedger(ctx context.Context, tx pgx.Tx, revision int64, author, reason string, outages []headend.Outage, rows []headend.LedgerRow) error {
	if _, err := tx.Exec(ctx, sqlLedgerRevisionInsert, revision, author, reason); err != nil {
		return fmt.Errorf("revision %d: %w", revision, err)
	}
	if err := writeOutages(ctx, tx, revision, outages); err != nil {
		return fmt.Errorf("%d outages: %w", len(outages), err)
	}
	if err := writeRows(ctx, tx, revision, rows); err != nil {
		return fmt.Errorf("%d interruptions: %w", len(rows), err)
	}
	_, err := tx.Exec(ctx, sqlNotify, "outage")
	return err
}

var outageColumns = []string{"line", "number", "reference", "state", "node", "usage_point", "part", "phases", "started", "ended", "odds", "cause", "planned", "own",
	"declared", "plan", "notice", "overrun", "customers", "out", "seen", "summary", "trail", "steps", "reason"}

func writeOutages(ctx context.Context, tx pgx.Tx, revision int64, outages []headend.Outage) error {
	if len(outages) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, sqlRecordOutageStage); err != nil {
		return err
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"record_outage"}, outageColumns, pgx.CopyFromSlice(len(outages), func(i int) ([]any, error) {
		o := &outages[i]
		steps, err := json.Marshal(o.Steps)
		trail := o.Trail
		if trail == nil {
			trail = []string{}
		}
		return []any{i, o.Number, o.Reference, string(o.State), o.Node, o.UsagePoint, o.Part, int16(o.Phases), orNull(o.Start), orNull(o.End), o.Odds, o.Cause,
			o.Planned, o.Own, o.Declared, o.Plan, orNull(o.Notice), o.Overrun.Microseconds(), o.Customers, o.Out, o.Seen, o.Summary, trail, steps, o.Reason}, err
	})); err != nil {
		return err
	}
	if err := known(ctx, tx, sqlRecordOutageUnknown); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, sqlRecordOutageWrite, revision)
	return err
}

// known returns *headend.Unknown for what a statement finds that refers to nothing.
func known(ctx context.Context, tx pgx.Tx, sql string, args ...any) error {
	var unknown headend.Unknown
	switch err := tx.QueryRow(ctx, sql, args...).Scan(&unknown.What, &unknown.ID); {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return &unknown
}

func scanOutage(row pgx.CollectableRow) (o headend.Outage, err error) {
	var phases int16
	var started, ended, notice *time.Time
	var steps []byte
	if err = row.Scan(&o.Number, &o.Reference, &o.State, &o.Node, &o.UsagePoint, &o.Part, &phases, &started, &ended, &o.Odds, &o.Cause, &o.Planned, &o.Own,
		&o.Declared, &o.Plan, &notice, &o.Overrun, &o.Customers, &o.Out, &o.Seen, &o.Summary, &o.Trail, &steps, &o.Revision, &o.Changed, &o.Reason); err != nil {
		return o, err
	}
	o.Phases, o.Start, o.End, o.Notice, o.Changed = headend.Phases(phases), end(started), end(ended), end(notice), o.Changed.UTC()
	if err = json.Unmarshal(steps, &o.Steps); err != nil {
		return o, fmt.Errorf("steps of outage %d: %w", o.Number, err)
	}
	return o, nil
}

const (
	copyRecordInterruption = "COPY record_interruption (usage_point, id, outage, started, ended, not_before, start_by, end_by, phases, cause, " +
		"planned, own, declared, inferred, withdrawn, reason) FROM STDIN BINARY"
	manyRows = 10_000 // from which it is worth telling the planner how many there are, and to give it room
)

func writeRows(ctx context.Context, tx pgx.Tx, revision int64, rows []headend.LedgerRow) error {
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, sqlRecordInterruptionStage); err != nil {
		return err
	}
	if _, err := tx.Conn().PgConn().CopyFrom(ctx, &ledgerStream{rows: rows, order: lastOfEach(rows)}, copyRecordInterruption); err != nil {
		return err
	}
	if len(rows) >= manyRows {
		if _, err := tx.Exec(ctx, sqlRecordMany); err != nil {
			return err
		}
	}
	if err := known(ctx, tx, sqlRecordInterruptionUnknown); err != nil {
		return err
	}
	for _, sql := range []string{sqlRecordInterruptionFormer, sqlRecordInterruptionWrite, sqlRecordInterruptionNew} {
		if _, err := tx.Exec(ctx, sql, revision); err != nil {
			return err
		}
	}
	return nil
}

// lastOfEach are the positions of the rows in the order of the key; of several versions of a row the last.
func lastOfEach(rows []headend.LedgerRow) []int {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	key := func(a, b int) int {
		return cmp.Or(cmp.Compare(rows[a].UsagePoint, rows[b].UsagePoint), cmp.Compare(rows[a].ID, rows[b].ID))
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(key(a, b), cmp.Compare(b, a)) })
	return slices.CompactFunc(order, func(a, b int) bool { return key(a, b) == 0 })
}

// ledgerStream is rows in the binary COPY format, some at a time.
type ledgerStream struct {
	rows    []headend.LedgerRow
	order   []int // of them, those to send
	next    int
	began   bool
	ended   bool
	buffer  []byte
	pending bytes.Reader
}

// Read implements io.Reader.
func (s *ledgerStream) Read(to []byte) (int, error) {
	for s.pending.Len() == 0 {
		if s.ended {
			return 0, io.EOF
		}
		s.fill()
	}
	return s.pending.Read(to)
}

func (s *ledgerStream) fill() {
	b := s.buffer[:0]
	if !s.began {
		b, s.began = append(b, copySignature...), true
	}
	for most := s.next + 1000; s.next < len(s.order) && s.next < most; s.next++ {
		b = appendLedgerRow(b, &s.rows[s.order[s.next]])
	}
	if s.next == len(s.order) {
		b, s.ended = binary.BigEndian.AppendUint16(b, math.MaxUint16), true
	}
	s.buffer = b
	s.pending.Reset(b)
}

func appendLedgerRow(b []byte, r *headend.LedgerRow) []byte {
	b = binary.BigEndian.AppendUint16(b, 16)
	b = appendInt32(b, int32(r.UsagePoint))
	b = appendInt64(b, r.ID)
	b = appendInt64(b, r.Outage)
	b = appendTime(b, r.Start)
	b = appendTime(b, r.End)
	b = appendTime(b, r.NotBefore)
	b = appendInt16(b, int16(r.StartBy))
	b = appendInt16(b, int16(r.EndBy))
	b = appendInt16(b, int16(r.Phases))
	b = appendText(b, r.Cause)
	b = appendBool(b, r.Planned)
	b = appendBool(b, r.Own)
	b = appendBool(b, r.Declared)
	b = appendBool(b, r.Inferred)
	b = appendBool(b, r.Withdrawn)
	return appendText(b, r.Reason)
}

func scanLedgerRow(row pgx.CollectableRow) (r headend.LedgerRow, err error) {
	var number int32
	var startBy, endBy, phases int16
	var started, ended, notBefore *time.Time
	err = row.Scan(&number, &r.Point, &r.ID, &r.Revision, &r.Outage, &started, &ended, &notBefore, &startBy, &endBy, &phases, &r.Cause,
		&r.Planned, &r.Own, &r.Declared, &r.Inferred, &r.Withdrawn, &r.Reason, &r.Written)
	r.UsagePoint, r.StartBy, r.EndBy, r.Phases = uint32(number), headend.Basis(startBy), headend.Basis(endBy), headend.Phases(phases)
	r.Start, r.End, r.NotBefore, r.Written = end(started), end(ended), end(notBefore), r.Written.UTC()
	return r, err
}
