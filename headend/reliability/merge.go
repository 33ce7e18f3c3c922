package reliability

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"lastgasp/headend"
)

// RowFault is a row of the ledger that cannot be accounted. It ends the computation: books with a hole in them are
// not to be signed.
type RowFault struct {
	UsagePoint uint32
	ID         int64
	Reason     string
}

// Error names the row and the fault.
func (f *RowFault) Error() string {
	return fmt.Sprintf("interruption %d of usage point %d %s", f.ID, f.UsagePoint, f.Reason)
}

// Edition is the ledger as it stood in one revision, looked at from one moment.
type Edition struct {
	Revision int64     // rows of later revisions are not seen; 0: all are
	AsOf     time.Time // what is later has not happened yet; open interruptions last until here
}

// MaxLength bounds a row: no supply is interrupted for ten years. It keeps 29 million customers in the dark for all of
// it within 64 bits of customer-milliseconds.
const MaxLength = 3660 * 24 * time.Hour

// plain tells that all rows hold as they stand: in order of ID, one version of each, none taken back or too new.
func (e Edition) plain(rows []headend.Interruption) bool {
	for i := range rows {
		r := &rows[i]
		if r.Withdrawn || e.Revision != 0 && r.Revision > e.Revision || i > 0 && r.ID <= rows[i-1].ID {
			return false
		}
	}
	return true
}

// hold picks, of the rows of one usage point, those that hold in the edition: of each ID the last version up to
// the revision, unless that one takes it back. Repeated rows are one. It sorts rows and returns a part of them.
func (e Edition) hold(rows []headend.Interruption) ([]headend.Interruption, error) {
	slices.SortFunc(rows, compareVersions)
	out := rows[:0]
	for i := range rows {
		r := rows[i]
		if e.Revision != 0 && r.Revision > e.Revision {
			continue
		}
		k := len(out) - 1
		switch {
		case k < 0 || r.ID == 0 && r != out[k] || r.ID != out[k].ID:
			out = append(out, r)
		case r == out[k]: // the same row again
		case r.Revision == out[k].Revision:
			return nil, &RowFault{r.UsagePoint, r.ID, fmt.Sprintf("has two versions of revision %d", r.Revision)}
		default:
			out[k] = r
		}
	}
	return slices.DeleteFunc(out, func(r headend.Interruption) bool { return r.Withdrawn }), nil
}

// compareVersions orders by ID and revision, and by everything else so that the order is always the same.
func compareVersions(a, b headend.Interruption) int {
	if c := cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Revision, b.Revision)); c != 0 {
		return c
	}
	return compareRows(&a, &b)
}

// compareRows orders by start; of those that begin together the one with the lower ID is the earlier.
func compareRows(a, b *headend.Interruption) int {
	if c := cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID)); c != 0 {
		return c
	}
	return cmp.Or(a.End.Compare(b.End), cmp.Compare(a.Outage, b.Outage), strings.Compare(a.Cause, b.Cause),
		cmp.Compare(a.Phases, b.Phases), cmp.Compare(flagsOf(a), flagsOf(b)), strings.Compare(a.Reason, b.Reason))
}

func flagsOf(r *headend.Interruption) (f int) {
	for i, set := range [...]bool{r.Planned, r.Own, r.Declared, r.Inferred, r.Withdrawn} {
		if set {
			f |= 1 << i
		}
	}
	return f
}

// piece is a stretch of time of one row, in milliseconds, within the edition.
type piece struct {
	start, end int64
	row        *headend.Interruption
	open       bool
	inferred   bool
}

// span is a time without supply: overlapping and touching pieces of one usage point are one, its cause that of the
// earliest.
type span struct {
	piece
	observed int64 // milliseconds of it with evidence of the usage point's own
	mixed    bool  // rows of different causes are in it
	pieces   []piece
}

// pieceOf gives the row's stretch; false where it lies after the edition's moment.
func (e Edition) pieceOf(r *headend.Interruption) (piece, bool, error) {
	asOf := e.AsOf.UnixMilli()
	p := piece{start: r.Start.UnixMilli(), row: r, inferred: r.Inferred}
	if p.start < 0 || p.start >= latest {
		return piece{}, false, &RowFault{r.UsagePoint, r.ID, fmt.Sprintf("starts at %s, outside 1970 to %d", r.Start.UTC().Format(time.RFC3339), lastYear)}
	}
	if r.End.IsZero() {
		p.end, p.open = asOf, true
		return p, p.start < asOf, nil
	}
	p.end = r.End.UnixMilli()
	switch {
	case r.End.Before(r.Start):
		return piece{}, false, &RowFault{r.UsagePoint, r.ID, fmt.Sprintf("ends at %s, before it starts at %s",
			r.End.UTC().Format(time.RFC3339Nano), r.Start.UTC().Format(time.RFC3339Nano))}
	case p.end-p.start > MaxLength.Milliseconds():
		return piece{}, false, &RowFault{r.UsagePoint, r.ID, fmt.Sprintf("lasts from %s to %s, longer than ten years",
			r.Start.UTC().Format(time.RFC3339), r.End.UTC().Format(time.RFC3339))}
	}
	if p.end > asOf { // not over yet at that moment
		p.end, p.open = asOf, true
	}
	return p, p.start < asOf, nil
}

// latest is the end of the last year a Calendar knows, in milliseconds.
var latest = time.Date(lastYear+1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// merge joins pieces that overlap or touch. It sorts them, and the spans point into them.
func merge(pieces []piece, out []span) []span {
	if len(pieces) > 1 {
		slices.SortFunc(pieces, func(a, b piece) int {
			return cmp.Or(cmp.Compare(a.start, b.start), compareRows(a.row, b.row))
		})
	}
	var seen int64 // until here the observed time of the last span is counted
	first := len(out)
	for i, p := range pieces {
		if k := len(out) - 1; k >= first && p.start <= out[k].end {
			s := &out[k]
			s.end, s.open, s.inferred = max(s.end, p.end), s.open || p.open, s.inferred && p.inferred
			s.mixed = s.mixed || p.row.Cause != s.row.Cause || p.row.Planned != s.row.Planned
			s.pieces = s.pieces[:len(s.pieces)+1]
		} else {
			out = append(out, span{piece: p, pieces: pieces[i : i+1]})
			seen = p.start
		}
		if s := &out[len(out)-1]; !p.inferred && p.end > seen {
			s.observed += p.end - max(seen, p.start)
			seen = p.end
		}
	}
	return out
}

// splitPhases cuts pieces of rows with lost phases into the time when all that the usage point has were gone together,
// and the rest.
func splitPhases(pieces []piece, has headend.Phases) (whole, partial []piece) {
	if has == 0 {
		has = headend.L1 | headend.L2 | headend.L3
	}
	var edges []int64
	for _, p := range pieces {
		edges = append(edges, p.start, p.end)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	slices.SortFunc(pieces, func(a, b piece) int { return compareRows(a.row, b.row) })
	if len(edges) == 1 {
		edges = append(edges, edges[0]) // a stretch without length
	}
	for i := 1; i < len(edges); i++ {
		part := piece{start: edges[i-1], end: edges[i], inferred: true}
		var lost headend.Phases
		for _, p := range pieces {
			if p.start > part.start || p.end < part.end || p.start == p.end && part.start != part.end {
				continue
			}
			if part.row == nil {
				part.row = p.row
			}
			part.inferred = part.inferred && p.inferred
			part.open = part.open || p.open && p.end == part.end
			if p.row.Phases == 0 {
				lost |= has
			}
			lost |= p.row.Phases
		}
		switch {
		case part.row == nil:
		case lost&has == has:
			whole = append(whole, part)
		default:
			partial = append(partial, part)
		}
	}
	return whole, partial
}

// Merged is an interruption as Merge makes it of rows.
type Merged struct {
	Start, End time.Time // End zero: still open at the edition's moment
	Row        headend.Interruption
	Observed   time.Duration // of its length so far
	Rows       int           // rows it was made of
	Mixed      bool          // rows of different causes are in it
}

// Merge makes of the rows of one usage point, in any order, its interruptions in order of time: rows that overlap or
// touch are one, its cause that of the earliest. Rows without a start are left out. It returns *RowFault for a row that
// cannot be.
func Merge(rows []headend.Interruption, e Edition) ([]Merged, error) {
	rows, err := e.hold(slices.Clone(rows))
	if err != nil {
		return nil, err
	}
	var pieces []piece
	for i := range rows {
		if rows[i].Start.IsZero() {
			continue
		}
		p, happened, err := e.pieceOf(&rows[i])
		if err != nil {
			return nil, err
		}
		if happened {
			pieces = append(pieces, p)
		}
	}
	var out []Merged
	for _, s := range merge(pieces, nil) {
		m := Merged{Start: time.UnixMilli(s.start).UTC(), Row: *s.row, Observed: time.Duration(s.observed) * time.Millisecond, Rows: len(s.pieces), Mixed: s.mixed}
		if !s.open {
			m.End = time.UnixMilli(s.end).UTC()
		}
		out = append(out, m)
	}
	return out, nil
}
