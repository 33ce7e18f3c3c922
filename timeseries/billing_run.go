package timeseries

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// partBytes is how much of a snapshot one row holds: what a reader holds in memory.
const partBytes = 256 << 10

// AskRun stores that a run is wanted and gives it its number. It belongs to the part of the organisation that who asks sees. It returns
// *headend.Unknown for an organisation that is not there.
func (s *Store) AskRun(ctx context.Context, run headend.BillingRun) (headend.BillingRun, error) {
	set, err := json.Marshal(run.Set)
	if err != nil {
		return run, fmt.Errorf("billing run: %w", err)
	}
	var gate any
	if run.Gate != nil {
		gate = []byte(run.Gate)
	}
	run.State, run.Part = "asked", []string{}
	if p := headend.PrincipalOf(ctx); p.Limited() {
		run.Part = ofNames(p.Organisations)
	}
	if run.Set.Organisation != "" {
		if err := s.read(ctx, func(tx pgx.Tx) error { return known(ctx, tx, sqlOrganisationUnknown, []string{run.Set.Organisation}) }); err != nil {
			return run, fmt.Errorf("billing run: %w", err)
		}
	}
	err = s.change(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, sqlBillingRunAsk, run.By, run.From, run.To, textsOf(run.Quantities), set, run.Values, gate, run.Part).Scan(&run.Number, &run.Asked); err != nil {
			return err
		}
		run.Asked = run.Asked.UTC()
		return audit(ctx, tx, fmt.Sprintf("billing/runs/%d", run.Number), nil, map[string]any{"number": run.Number, "from": run.From, "to": run.To,
			"quantities": textsOf(run.Quantities), "set": run.Set, "values": run.Values, "gate": run.Gate, "by": run.By})
	})
	return run, unlessNil("billing run", err)
}

// ErrRun says that a run cannot be made, whoever tries.
var ErrRun = errors.New("the run cannot be made")

// MakeRun makes the run with a number, or the oldest that waits where it is 0. make reads one snapshot of the store and
// writes the bytes that are handed out. It is all or nothing: a run whose maker dies waits again. It returns false when no
// run waits that nobody makes already. A run of which make says headend.BadRequest or headend.Unknown has failed for good.
func (s *Store) MakeRun(ctx context.Context, number int64, makeIt func(headend.BillingRun, headend.BillingSnapshot, io.Writer) (headend.RunResult, error)) (run headend.BillingRun, made bool, err error) {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return run, false, fmt.Errorf("billing run: %w", slow(ctx, withoutSecret(err)))
	}
	rows, err := tx.Query(ctx, sqlBillingRunColumns+sqlBillingRunWaiting, number)
	if err == nil {
		run, err = pgx.CollectOneRow(rows, scanRun)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return run, false, rollback(ctx, tx)
	}
	if err == nil {
		err = s.makeRun(ctx, tx, &run, makeIt)
	}
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err == nil {
		found, err := s.BillingRun(ctx, strconv.FormatInt(run.Number, 10))
		return found, true, err
	}
	err = rollbackAfter(ctx, tx, err)
	var bad *headend.BadRequest
	if (errors.As(err, &bad) || unknown(err)) && ctx.Err() == nil {
		run.State, run.Reason = "failed", err.Error()
		if _, failed := s.pool.Exec(ctx, sqlBillingRunFailed, run.Number, run.Reason); failed != nil {
			return run, false, fmt.Errorf("billing run %d: %w", run.Number, slow(ctx, errors.Join(err, failed)))
		}
		return run, true, nil
	}
	return run, false, fmt.Errorf("billing run %d: %w", run.Number, slow(ctx, err))
}

func unknown(err error) bool {
	var u *headend.Unknown
	return errors.As(err, &u)
}

func (s *Store) makeRun(ctx context.Context, tx pgx.Tx, run *headend.BillingRun, makeIt func(headend.BillingRun, headend.BillingSnapshot, io.Writer) (headend.RunResult, error)) error {
	parts := &partWriter{ctx: ctx, tx: tx, run: run.Number}
	var result headend.RunResult
	if len(run.Part) > 0 { // it is made of what who asked for it sees
		ctx = headend.WithPrincipal(ctx, &headend.Principal{Organisations: run.Part})
	}
	err := s.ReadBilling(ctx, func(b headend.BillingSnapshot) (err error) {
		result, err = makeIt(*run, b, parts)
		return err
	})
	if err != nil {
		return err
	}
	if err := parts.flush(); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlBillingPartSpare, run.Number, result.ID); err != nil { // the same bytes are there already
		return err
	}
	_, err = tx.Exec(ctx, sqlBillingRunMade, run.Number, result.ID, result.Lines, result.Passed, result.Held, parts.all, ofNames(result.Organisations), result.Revision)
	return err
}

// partWriter stores what is written in parts.
type partWriter struct {
	ctx  context.Context
	tx   pgx.Tx
	run  int64
	part int32
	all  int64
	held []byte
}

// Write implements io.Writer.
func (w *partWriter) Write(p []byte) (int, error) {
	n := len(p)
	w.all += int64(n)
	for len(p) > 0 {
		take := min(len(p), partBytes-len(w.held))
		w.held, p = append(w.held, p[:take]...), p[take:]
		if len(w.held) == partBytes {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (w *partWriter) flush() error {
	if len(w.held) == 0 {
		return nil
	}
	if _, err := w.tx.Exec(w.ctx, sqlBillingPartInsert, w.run, w.part, w.held); err != nil {
		return fmt.Errorf("store part %d of the snapshot: %w", w.part, err)
	}
	w.part++
	w.held = w.held[:0]
	return nil
}

func scanRun(row pgx.CollectableRow) (r headend.BillingRun, err error) {
	var made *time.Time
	var quantities []string
	var set, gate []byte
	if err = row.Scan(&r.Number, &r.ID, &r.State, &r.By, &r.Asked, &made, &r.From, &r.To, &quantities, &set, &r.Values, &gate, &r.Lines, &r.Passed, &r.Held, &r.Bytes, &r.Reason, &r.Part, &r.ReviewOf, &r.Review, &r.Revision); err != nil {
		return r, err
	}
	for _, q := range quantities {
		r.Quantities = append(r.Quantities, headend.Quantity(q))
	}
	r.Asked, r.Made, r.From, r.To, r.Gate = r.Asked.UTC(), end(made), r.From.UTC(), r.To.UTC(), gate
	return r, json.Unmarshal(set, &r.Set)
}

// BillingRuns lists runs, the latest first, before a number, of a state or of all.
func (s *Store) BillingRuns(ctx context.Context, state string, before int64, limit int) (found []headend.BillingRun, err error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanRun, sqlBillingRunColumns+sqlBillingRunList, before, limit, state)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("billing runs: %w", err)
	}
	return found, nil
}

// BillingRun is one by its number, or by its id: of several with the same bytes the first. It returns *headend.Unknown for one
// that is not there.
func (s *Store) BillingRun(ctx context.Context, id string) (run headend.BillingRun, err error) {
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil || len(id) > 18 {
		number = 0
	}
	err = s.read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlBillingRunColumns+sqlBillingRunOne, number, id)
		if err == nil {
			run, err = pgx.CollectOneRow(rows, scanRun)
		}
		if errors.Is(err, pgx.ErrNoRows) {
			return &headend.Unknown{What: "billing run", ID: id}
		}
		return err
	})
	if err != nil {
		return run, fmt.Errorf("billing run: %w", err)
	}
	return run, nil
}

// BillingBytes reads the bytes of a run that is made, a part at a time: each Read asks the store for no more than one part. It
// returns io.EOF at the end, and *headend.Unknown to who sees no run with these bytes.
func (s *Store) BillingBytes(ctx context.Context, id string) io.Reader {
	return &partReader{ctx: ctx, store: s, id: id, looked: !headend.PrincipalOf(ctx).Limited()}
}

type partReader struct {
	ctx   context.Context
	store *Store
	id    string
	part  int32
	rest  []byte
	ended bool

	looked bool // it is known that who asks may see them
}

// Read implements io.Reader.
func (r *partReader) Read(p []byte) (int, error) {
	if !r.looked {
		if _, err := r.store.BillingRun(r.ctx, r.id); err != nil {
			return 0, err
		}
		r.looked = true
	}
	for len(r.rest) == 0 {
		if r.ended {
			return 0, io.EOF
		}
		err := r.store.pool.QueryRow(r.ctx, sqlBillingPart, r.id, r.part).Scan(&r.rest)
		if errors.Is(err, pgx.ErrNoRows) {
			r.ended = true
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("part %d of the snapshot: %w", r.part, slow(r.ctx, withoutSecret(err)))
		}
		r.part++
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// PutValues stores estimates, and the measured values that take their place, as the next versions of their intervals. Of
// two writers of the same interval at the same time one wins.
func (s *Store) PutValues(ctx context.Context, values []headend.ValueVersion) error {
	if _, err := s.pool.Exec(ctx, sqlBillingValuePut+" ON CONFLICT DO NOTHING", valueColumns(values)...); err != nil {
		return fmt.Errorf("values: %w", slow(ctx, withoutSecret(err)))
	}
	return nil
}

// PutFindings puts what rules found in the place of what they had found in that time of these usage points.
func (s *Store) PutFindings(ctx context.Context, points []uint32, quantity headend.Quantity, from, to time.Time, found []headend.StoredFinding) error {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("findings: %w", slow(ctx, withoutSecret(err)))
	}
	if err = putFindings(ctx, tx, points, quantity, from, to, found); err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil {
		return fmt.Errorf("findings: %w", rollbackAfter(ctx, tx, slow(ctx, err)))
	}
	return nil
}
