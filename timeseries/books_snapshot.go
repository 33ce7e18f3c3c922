package timeseries

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// bookSnapshot is headend.BookSnapshot over one transaction.
type bookSnapshot struct {
	tx    pgx.Tx
	books map[headend.BookKey]int16
}

// ReadBooks lets ask look at the store as it is at one moment.
func (s *Store) ReadBooks(ctx context.Context, ask func(headend.BookSnapshot) error) error {
	if err := s.read(ctx, func(tx pgx.Tx) error { return ask(&bookSnapshot{tx: tx}) }); err != nil {
		return fmt.Errorf("books: %w", err)
	}
	return nil
}

// KeepBooks lets keep look at the store as it is at one moment and write sums, all of them or none. It returns false,
// and does nothing, while another head-end does the same.
func (s *Store) KeepBooks(ctx context.Context, keep func(headend.BookSnapshot) error) (kept bool, err error) {
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return false, fmt.Errorf("books: %w", slow(ctx, withoutSecret(err)))
	}
	err = tx.QueryRow(ctx, sqlBooksLock).Scan(&kept, nil, nil, nil)
	if err == nil && kept {
		err = keep(&bookSnapshot{tx: tx, books: map[headend.BookKey]int16{}})
	}
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil {
		return false, fmt.Errorf("books: %w", rollbackAfter(ctx, tx, slow(ctx, err)))
	}
	return kept, nil
}

// Standing implements headend.BookSnapshot, as the methods below do.
func (b *bookSnapshot) Standing(ctx context.Context) (st headend.BookStanding, err error) {
	var revision, placed *int64
	var asOf *time.Time
	var kept *string
	if err = b.tx.QueryRow(ctx, sqlBooksStanding).Scan(&st.Revision, &st.Placement, &st.Registry, &revision, &asOf, &placed, &kept); err != nil {
		return st, fmt.Errorf("state: %w", err)
	}
	if revision != nil {
		st.Stored = &headend.BookState{Revision: *revision, AsOf: asOf.UTC(), Placement: *placed, Kept: *kept}
	}
	return st, nil
}

// Registry reads all versions; ids that usage points have in common are one string.
func (b *bookSnapshot) Registry(ctx context.Context) (r headend.BookRegistry, err error) {
	if r.Organisations, err = list(ctx, b.tx, scanBookOrganisation, sqlBooksOrganisation); err != nil {
		return r, fmt.Errorf("organisations: %w", err)
	}
	if r.Nodes, err = list(ctx, b.tx, scanNode, sqlGridNode); err != nil {
		return r, fmt.Errorf("nodes: %w", err)
	}
	names := map[int32]string{}
	rows, err := b.tx.Query(ctx, sqlBooksNames)
	if err != nil {
		return r, fmt.Errorf("names: %w", err)
	}
	var number int32
	var id string
	if _, err = pgx.ForEachRow(rows, []any{&number, &id}, func() error {
		names[number] = id
		return nil
	}); err != nil {
		return r, fmt.Errorf("names: %w", err)
	}
	if rows, err = b.tx.Query(ctx, sqlBooksPoint); err != nil {
		return r, fmt.Errorf("usage points: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		v := rows.RawValues()
		var p headend.GridPoint
		p.Number, p.Node, p.Organisation, p.Phases = uint32(rawInt32(v[0])), names[rawInt32(v[1])], names[-rawInt32(v[2])], headend.Phases(rawInt16(v[3]))
		p.ConnectedKVA, p.From, p.To = kva(rawInt64(v[4])), rawTime(v[5]), rawTime(v[6])
		r.Points = append(r.Points, p)
	}
	if err := rows.Err(); err != nil {
		return r, fmt.Errorf("usage points: %w", err)
	}
	return r, nil
}

func scanBookOrganisation(row pgx.CollectableRow) (o headend.Organisation, err error) {
	var to *time.Time
	err = row.Scan(&o.ID, &o.Name, &o.Kind, &o.Parent, &o.From, &to)
	o.From, o.To = o.From.UTC(), end(to)
	return o, err
}

func (b *bookSnapshot) Span(ctx context.Context) (first, last time.Time, err error) {
	var from, to *time.Time
	err = b.tx.QueryRow(ctx, sqlBooksSpan).Scan(&from, &to)
	return end(from), end(to), err
}

func (b *bookSnapshot) PointNames(ctx context.Context, numbers []uint32) (map[uint32]string, error) {
	wanted := make([]int32, len(numbers))
	for i, n := range numbers {
		wanted[i] = int32(n)
	}
	out := make(map[uint32]string, len(numbers))
	rows, err := b.tx.Query(ctx, sqlBooksPointName, wanted)
	if err != nil {
		return nil, err
	}
	var number int32
	var id string
	_, err = pgx.ForEachRow(rows, []any{&number, &id}, func() error {
		out[uint32(number)] = id
		return nil
	})
	return out, err
}

func (b *bookSnapshot) LastPoint(ctx context.Context) (uint32, error) {
	var last int32
	err := b.tx.QueryRow(ctx, sqlBooksLastPoint).Scan(&last)
	return uint32(last), err
}

func (b *bookSnapshot) Changed(ctx context.Context, after int64, open time.Time) ([]uint32, error) {
	return list(ctx, b.tx, func(row pgx.CollectableRow) (uint32, error) {
		var number int32
		err := row.Scan(&number)
		return uint32(number), err
	}, sqlBooksChanged+"ORDER BY usage_point", after, open)
}

// pathMark parts the ids of a stored path; no id has control characters.
const pathMark = "\x1f"

func (b *bookSnapshot) Cells(ctx context.Context, pick headend.BookPick) (found []headend.BookCell, err error) {
	if len(pick.Months)+len(pick.Days) > 0 {
		if found, err = list(ctx, b.tx, scanBookCell, sqlBooksCell, headend.WholeMonth, pick.Policy, pick.By, pick.Months, pick.Days, pick.Customers, pick.Unit); err != nil {
			return nil, fmt.Errorf("cells: %w", err)
		}
	}
	if len(pick.Cells) == 0 {
		return found, nil
	}
	k := keysOf(pick.Cells)
	more, err := list(ctx, b.tx, scanBookCell, sqlBooksCellByKey, pick.Policy, pick.By, k.paths, k.months, k.days)
	if err != nil {
		return nil, fmt.Errorf("cells: %w", err)
	}
	return append(found, more...), nil
}

func scanBookCell(row pgx.CollectableRow) (c headend.BookCell, err error) {
	var path string
	err = row.Scan(&path, &c.Month, &c.Day, &c.Category, &c.CI, &c.CMS, &c.Figures, &c.Customers)
	if path != "" {
		c.Path = strings.Split(path, pathMark)
	}
	return c, err
}

// cellKeys are the keys of cells, column by column.
type cellKeys struct {
	paths, categories []string
	months, days      []int32
}

func keysOf(cells []headend.BookCell) (k cellKeys) {
	for i := range cells {
		k.paths, k.categories = append(k.paths, strings.Join(cells[i].Path, pathMark)), append(k.categories, cells[i].Category)
		k.months, k.days = append(k.months, cells[i].Month), append(k.days, cells[i].Day)
	}
	return k
}

func (b *bookSnapshot) Days(ctx context.Context, key headend.BookKey, id string, categories []string, from, to int32) ([]headend.BookDay, error) {
	return list(ctx, b.tx, func(row pgx.CollectableRow) (d headend.BookDay, err error) {
		err = row.Scan(&d.Day, &d.CI, &d.CMS)
		return d, err
	}, sqlBooksDay, key.Policy, key.By, id, categories, from, to, monthOfDay(from), monthOfDay(to-1))
}

// monthOfDay is the month of a day, both as cells have them.
func monthOfDay(day int32) int32 {
	t := time.Unix(int64(day)*86400, 0).UTC()
	return int32(t.Year()*12 + int(t.Month()) - 1)
}

func (b *bookSnapshot) Notes(ctx context.Context, key headend.BookKey) ([]headend.BookNote, error) {
	return list(ctx, b.tx, func(row pgx.CollectableRow) (n headend.BookNote, err error) {
		err = row.Scan(&n.Month, &n.Cause, &n.Count)
		return n, err
	}, sqlBooksNote, key.Policy, key.By)
}

func (b *bookSnapshot) DaySums(ctx context.Context, organisation string, from, to time.Time) ([]headend.DaySum, error) {
	return list(ctx, b.tx, func(row pgx.CollectableRow) (d headend.DaySum, err error) {
		err = row.Scan(&d.Organisation, &d.Date, &d.Customers, &d.CI, &d.CMS)
		d.Date = d.Date.UTC()
		return d, err
	}, sqlBooksDaySum, organisation, from, to)
}

func (b *bookSnapshot) Targets(ctx context.Context) ([]headend.Target, error) {
	return list(ctx, b.tx, func(row pgx.CollectableRow) (t headend.Target, err error) {
		err = row.Scan(&t.Organisation, &t.Year, &t.Index, &t.Value)
		return t, err
	}, sqlBooksTarget)
}

func (b *bookSnapshot) CustomerCounts(ctx context.Context) ([]headend.CustomerCount, error) {
	return list(ctx, b.tx, func(row pgx.CollectableRow) (c headend.CustomerCount, err error) {
		err = row.Scan(&c.Organisation, &c.Month, &c.Customers)
		c.Month = c.Month.UTC()
		return c, err
	}, sqlBooksCustomerCount)
}

func (b *bookSnapshot) Outages(ctx context.Context, from, to time.Time) ([]headend.BookOutage, error) {
	return list(ctx, b.tx, func(row pgx.CollectableRow) (o headend.BookOutage, err error) {
		var point int32
		var start, restored, windowFrom, windowTo, notice *time.Time
		err = row.Scan(&o.Number, &o.Node, &point, &o.Counted, &o.Cause, &o.Planned, &o.Own, &start, &restored, &windowFrom, &windowTo, &notice)
		o.UsagePoint, o.Start, o.Restored = uint32(point), end(start), end(restored)
		o.WindowFrom, o.WindowTo, o.Notice = end(windowFrom), end(windowTo), end(notice)
		return o, err
	}, sqlBooksOutage, from, to)
}

func (b *bookSnapshot) Clear(ctx context.Context) error {
	_, err := b.tx.Exec(ctx, sqlBooksClear)
	return err
}

// cellsAtOnce bounds what one statement writes.
const cellsAtOnce = 2000

func (b *bookSnapshot) Put(ctx context.Context, key headend.BookKey, cells []headend.BookCell) error {
	book, err := b.book(ctx, key)
	if err != nil {
		return err
	}
	for len(cells) > 0 {
		some := cells[:min(len(cells), cellsAtOnce)]
		cells = cells[len(some):]
		var put, gone []headend.BookCell
		for _, c := range some {
			if len(c.Figures) == 0 {
				gone = append(gone, c)
			} else {
				put = append(put, c)
			}
		}
		if err := b.put(ctx, book, put); err != nil {
			return fmt.Errorf("%d cells: %w", len(put), err)
		}
		k := keysOf(gone)
		if len(gone) == 0 {
			continue
		}
		if _, err := b.tx.Exec(ctx, sqlBooksCellGone, book, k.paths, k.months, k.days, k.categories); err != nil {
			return fmt.Errorf("%d cells that are empty now: %w", len(gone), err)
		}
	}
	return nil
}

func (b *bookSnapshot) put(ctx context.Context, book int16, cells []headend.BookCell) error {
	if len(cells) == 0 {
		return nil
	}
	k := keysOf(cells)
	if _, err := b.tx.Exec(ctx, sqlBooksCellUnit, k.paths); err != nil {
		return err
	}
	ci, cms := make([]int64, len(cells)), make([]int64, len(cells))
	figures, customers := make([]string, len(cells)), make([][]byte, len(cells))
	for i, c := range cells {
		ci[i], cms[i], figures[i], customers[i] = c.CI, c.CMS, string(c.Figures), c.Customers
	}
	_, err := b.tx.Exec(ctx, sqlBooksCellWrite, book, k.paths, k.months, k.days, k.categories, ci, cms, figures, customers)
	return err
}

func (b *bookSnapshot) book(ctx context.Context, key headend.BookKey) (number int16, err error) {
	if number, ok := b.books[key]; ok {
		return number, nil
	}
	if err = b.tx.QueryRow(ctx, sqlBooksBook, key.Policy, key.By).Scan(&number); err != nil {
		return 0, fmt.Errorf("book of %s by %s: %w", key.Policy, key.By, err)
	}
	b.books[key] = number
	return number, nil
}

func (b *bookSnapshot) PutNotes(ctx context.Context, key headend.BookKey, notes []headend.BookNote) error {
	if len(notes) == 0 {
		return nil
	}
	book, err := b.book(ctx, key)
	if err != nil {
		return err
	}
	months, causes, counts := make([]int32, len(notes)), make([]string, len(notes)), make([]int64, len(notes))
	for i, n := range notes {
		months[i], causes[i], counts[i] = n.Month, n.Cause, n.Count
	}
	_, err = b.tx.Exec(ctx, sqlBooksNoteWrite, book, months, causes, counts)
	return err
}

func (b *bookSnapshot) PutState(ctx context.Context, s headend.BookState) error {
	_, err := b.tx.Exec(ctx, sqlBooksStateWrite, s.Revision, s.AsOf, s.Placement, s.Kept)
	return err
}
