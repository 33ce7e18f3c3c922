package books

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

// daySets tells whether sets of customers are stored by day too: figures without major event days need them.
func daySets(p *reliability.Policy) bool { return p.MajorDays.On }

// dayCells tells whether days have cells of their own: parts of months and days left out are made of them. By node, only
// policies with major event days ask for that often enough.
func dayCells(p *reliability.Policy, by string) bool {
	return by == reliability.ByOrganisation || p.MajorDays.On
}

// write brings a difference into the stored cells.
func (o *Office) write(ctx context.Context, s headend.BookSnapshot, w *world, p *reliability.Policy, by string, d *difference) error {
	key := keyOf(p, by)
	if err := s.PutNotes(ctx, key, notesOf(d.notes)); err != nil {
		return err
	}
	everyMonth := func(reliability.Month) bool { return true }
	before, after := grained(d.before, everyMonth, dayCells(p, by)), grained(d.after, everyMonth, dayCells(p, by))
	touched := map[reliability.Cell]bool{}
	for c := range before.Cells {
		touched[c] = true
	}
	for c := range after.Cells {
		touched[c] = true
	}
	inOrder := slices.SortedFunc(maps.Keys(touched), func(a, b reliability.Cell) int {
		return cmp.Or(cmp.Compare(a.Month, b.Month), cmp.Compare(a.Day, b.Day), cmp.Compare(a.Unit, b.Unit))
	})
	for some := range slices.Chunk(inOrder, cellsAtOnce) {
		if err := o.writeSome(ctx, s, w, p, key, d, before, after, some); err != nil {
			return err
		}
	}
	return nil
}

const cellsAtOnce = 2000

func (o *Office) writeSome(ctx context.Context, s headend.BookSnapshot, w *world, p *reliability.Policy, key headend.BookKey, d *difference, before, after *reliability.Books, cells []reliability.Cell) error {
	pick := make([]headend.BookCell, len(cells))
	for i, c := range cells {
		pick[i] = headend.BookCell{Path: w.registry.Path(c.Unit), Month: int32(c.Month), Day: int32(c.Day)}
	}
	found, err := s.Cells(ctx, headend.BookPick{BookKey: key, Cells: pick})
	if err != nil {
		return err
	}
	stored := *after
	if stored.Cells, err = cellsOf(w, key.By, found); err != nil {
		return err
	}
	part := func(b *reliability.Books) *reliability.Books {
		out := *b
		out.Cells = map[reliability.Cell]*reliability.Sum{}
		for _, c := range cells {
			if b.Cells[c] != nil {
				out.Cells[c] = b.Cells[c]
			}
		}
		out.Unlisted = nil
		return &out
	}
	stored.Unlisted = map[string]int64{}
	stored.Replace(d.points, part(before), part(after))
	return o.putCells(ctx, s, w, p, key, &stored, found, pick, cells)
}

// putCells writes what the picked cells hold now; what was there and is no more goes.
func (o *Office) putCells(ctx context.Context, s headend.BookSnapshot, w *world, p *reliability.Policy, key headend.BookKey, now *reliability.Books, found, pick []headend.BookCell, cells []reliability.Cell) error {
	type place struct {
		cell     reliability.Cell
		category string
	}
	there := map[place]bool{}
	var put []headend.BookCell
	for i, cell := range cells {
		sum := now.Cells[cell]
		if sum == nil {
			continue
		}
		for k := range sum.Parts {
			part := &sum.Parts[k]
			if part.Figures == (reliability.Figures{}) {
				continue
			}
			there[place{cell, part.Category}] = true
			c := pick[i]
			c.Category, c.CI, c.CMS = part.Category, part.Figures.CI, part.Figures.CMS
			var err error
			if c.Figures, err = json.Marshal(&part.Figures); err != nil {
				return fmt.Errorf("figures: %w", err)
			}
			if part.Customers != nil && (cell.Day == reliability.WholeMonth || daySets(p)) {
				if c.Customers, err = part.Customers.MarshalBinary(); err != nil {
					return err
				}
			}
			put = append(put, c)
		}
	}
	for i := range found {
		cell, err := cellOf(w, key.By, &found[i])
		if err != nil {
			return err
		}
		if !there[place{cell, found[i].Category}] {
			gone := found[i]
			gone.Figures = nil
			put = append(put, gone)
		}
	}
	return s.Put(ctx, key, put)
}

func cellOf(w *world, by string, c *headend.BookCell) (reliability.Cell, error) {
	unit, ok := w.registry.UnitOf(by, c.Path)
	if !ok {
		return reliability.Cell{}, fmt.Errorf("stored sums of %v, which is not in the registry", c.Path)
	}
	return reliability.Cell{Unit: unit, Month: reliability.Month(c.Month), Day: reliability.Day(c.Day)}, nil
}

// cellsOf makes sums of stored cells.
func cellsOf(w *world, by string, found []headend.BookCell) (map[reliability.Cell]*reliability.Sum, error) {
	out := map[reliability.Cell]*reliability.Sum{}
	for i := range found {
		c := &found[i]
		cell, err := cellOf(w, by, c)
		if err != nil {
			return nil, err
		}
		part := reliability.Part{Category: c.Category}
		if err := json.Unmarshal(c.Figures, &part.Figures); err != nil {
			return nil, fmt.Errorf("stored figures of %v, %s: %w", c.Path, cell.Month, err)
		}
		if c.Customers != nil {
			part.Customers = &reliability.Customers{}
			if err := part.Customers.UnmarshalBinary(c.Customers); err != nil {
				return nil, fmt.Errorf("stored customers of %v, %s: %w", c.Path, cell.Month, err)
			}
		}
		if out[cell] == nil {
			out[cell] = &reliability.Sum{}
		}
		out[cell].Parts = append(out[cell].Parts, part)
	}
	return out, nil
}

func notesOf(notes map[noteKey]int64) (out []headend.BookNote) {
	for k, n := range notes {
		if n != 0 {
			out = append(out, headend.BookNote{Month: int32(k.month), Cause: k.cause, Count: n})
		}
	}
	return out
}
