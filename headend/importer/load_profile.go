package importer

import (
	"io"
	"iter"
	"math/big"
	"time"

	"lastgasp/headend"
)

var loadProfileColumns = []string{"class", "day", "slot", "share"}

// LoadProfiles reads a file of load profiles: what share of the energy of a class of customers falls into each slot of a working day, a
// Saturday and a Sunday. Whether slots are missing only who has all of them can tell.
func LoadProfiles(r io.Reader, format Format) iter.Seq2[headend.Line[headend.LoadProfileSlot], error] {
	return read(r, format, loadProfileColumns, func(f *fields) headend.LoadProfileSlot {
		s := headend.LoadProfileSlot{Class: f.id(0), Day: f.oneOf(1, "workday", "saturday", "sunday"), From: f.clock(2), Share: f.millionths(3)}
		if s.Class != headend.AllClasses {
			f.refuse("class %q: usage points have no class that a profile could be for; write %s, which is for all of them", f.shown(0), headend.AllClasses)
		}
		return s
	})
}

// clock is a time of day, 00:00 to 23:59.
func (f *fields) clock(i int) time.Duration {
	t, err := time.Parse("15:04", f.values[i])
	if err != nil || len(f.values[i]) != len("15:04") {
		f.refuse("%s %q is not a local time of day from 00:00 to 23:59 such as 07:30, at which a slot begins", f.columns[i], f.shown(i))
		return 0
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

// millionths is a decimal from 0 to a million with at most six places.
func (f *fields) millionths(i int) int64 {
	const million = 1_000_000
	n, ok := decimal(f.values[i], 6)
	if !ok || n.Cmp(big.NewRat(million, 1)) > 0 {
		f.refuse("%s %q is not a number from 0 to 1000000 with at most six decimals%s", f.columns[i], f.shown(i), separators(f.values[i]))
		return 0
	}
	return n.Mul(n, big.NewRat(million, 1)).Num().Int64()
}
