package export

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

// AEMO NEM12, of the Meter Data File Format: 100 header, 200 stream, 300 day, 400 ranges of quality, 900 end. All times
// are standard time, without daylight saving.

// nemSuffix is the data stream of a quantity, and its unit.
var nemSuffix = map[headend.Quantity][2]string{
	headend.ImportWh: {"E1", "kWh"}, headend.ExportWh: {"B1", "kWh"}, headend.ImportVarh: {"Q1", "kVArh"}, headend.ExportVarh: {"K1", "kVArh"},
}

// nemSubstitution is the type of substitution of a method.
var nemSubstitution = map[billing.Method]int{
	billing.ByDifference: 12, billing.ByLikeDays: 15, billing.ByLine: 17, billing.ByProfile: 18, billing.ByInterruption: 19,
}

// nemOutage is the reason "Power Outage Alarm".
const nemOutage = "79"

type nem12 struct {
	out           *text
	o             Options
	zone          *time.Location // standard time
	configuration string
	stream        Row // usage point, meter and quantity of the last 200
	begun         bool
	day           time.Time
	slots         []nemSlot
	filled        int
	closed        map[string]bool // streams of this usage point that were written, so that none comes twice
	last          time.Time
}

type nemSlot struct{ value, quality, reason string }

// missing is a slot nobody knows: its number says nothing.
var missing = nemSlot{"0.000", "N", ""}

func newNEM12(w io.Writer, o Options) (Writer, error) {
	if o.Zone == nil || o.Made.IsZero() {
		return nil, fmt.Errorf("a time zone and the time of the export are needed")
	}
	if o.Interval != 5*time.Minute && o.Interval != 15*time.Minute && o.Interval != 30*time.Minute {
		return nil, fmt.Errorf("intervals of %s: 5, 15 and 30 min are possible", o.Interval)
	}
	if len(o.Quantities) == 0 {
		return nil, fmt.Errorf("the quantities of the export are needed: they are the NMI configuration")
	}
	for _, id := range []string{o.Sender, o.Receiver} {
		if id == "" || len(id) > 10 || !plain(id) {
			return nil, fmt.Errorf("participant %q: 1 to 10 letters and digits are possible", id)
		}
	}
	n := &nem12{out: newText(w), o: o, zone: standard(o.Zone, o.Made), slots: make([]nemSlot, 24*time.Hour/o.Interval)}
	var suffixes []string
	for _, q := range o.Quantities {
		suffix, ok := nemSuffix[q]
		if !ok {
			return nil, fmt.Errorf("%s has no data stream", q)
		}
		suffixes = append(suffixes, suffix[0])
	}
	slices.Sort(suffixes)
	n.configuration = strings.Join(slices.Compact(suffixes), "")
	n.record("100", "NEM12", o.Made.In(n.zone).Format("200601021504"), o.Sender, o.Receiver)
	return n, n.out.err
}

// standard is the zone's time without daylight saving.
func standard(zone *time.Location, near time.Time) *time.Location {
	year := near.In(zone).Year()
	for _, month := range [2]time.Month{time.January, time.July} {
		if t := time.Date(year, month, 1, 12, 0, 0, 0, zone); !t.IsDST() {
			_, offset := t.Zone()
			return time.FixedZone("standard", offset)
		}
	}
	return zone
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

func (n *nem12) record(fields ...string) { n.out.put(strings.Join(fields, ","), "\r\n") }

func (n *nem12) Write(r Row) error {
	if err := n.check(r); err != nil {
		return err
	}
	from := r.From.In(n.zone)
	day := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, n.zone)
	since := from.Sub(day)
	if since%n.o.Interval != 0 {
		return r.fault("it does not begin at a whole interval of standard time")
	}
	other := !n.begun || r.UsagePoint != n.stream.UsagePoint || r.Quantity != n.stream.Quantity
	if other || !day.Equal(n.day) {
		if !other && r.From.Before(n.last) {
			return r.fault("it does not come after the interval before it")
		}
		n.flush()
		// The day of a meter exchange is one record, under the meter it began with.
		if other || r.Meter != n.stream.Meter && r.Meter != "" {
			if err := n.begin(r, other); err != nil {
				return err
			}
		}
		n.day = day
	}
	return n.place(r, int(since/n.o.Interval))
}

func (n *nem12) check(r Row) error {
	switch {
	case r.Kind != Interval:
		return r.fault("NEM12 has no registers")
	case r.To.Sub(r.From) != n.o.Interval:
		return r.fault("an interval of %s among those of %s", r.To.Sub(r.From), n.o.Interval)
	case !slices.Contains(n.o.Quantities, r.Quantity):
		return r.fault("the quantity is not among those of the export")
	case len(r.UsagePoint) != 10 || !plain(r.UsagePoint):
		return r.fault("a NMI has 10 letters and digits")
	case r.State != billing.Missing && (r.Wh < 0 || r.Wh > math.MaxInt64/10):
		return r.fault("%d Wh cannot be written", r.Wh)
	}
	return nil
}

// begin writes the 200 of another stream, or of another meter of it.
func (n *nem12) begin(r Row, other bool) error {
	if n.begun && r.UsagePoint != n.stream.UsagePoint || n.closed == nil {
		n.closed = map[string]bool{}
	}
	suffix := nemSuffix[r.Quantity]
	if other && n.closed[suffix[0]] {
		return r.fault("the stream %s was written before", suffix[0])
	}
	n.closed[suffix[0]], n.begun, n.stream, n.last = true, true, r, r.From
	serial := string(r.Meter)
	if len(serial) > 12 || strings.ContainsAny(serial, ",\r\n\"") { // the field is optional; a part of a serial would be another meter
		serial = ""
	}
	n.record("200", r.UsagePoint, n.configuration, suffix[0], suffix[0], "N1", serial, suffix[1], strconv.Itoa(int(n.o.Interval/time.Minute)), "")
	return n.out.err
}

func (n *nem12) place(r Row, slot int) error {
	if r.From.Before(n.last) || n.slots[slot] != (nemSlot{}) {
		return r.fault("it does not come after the interval before it")
	}
	s := missing
	switch r.State {
	case billing.Measured:
		s = nemSlot{thousandths(r.Wh), "A", ""}
	case billing.Estimated:
		kind, ok := n.o.Substitution[r.Method]
		if !ok {
			kind, ok = nemSubstitution[r.Method]
		}
		if !ok {
			return r.fault("the method %q has no type of substitution", r.Method)
		}
		s = nemSlot{thousandths(r.Wh), "S" + strconv.Itoa(kind), ""}
	}
	if r.Outage && r.State != billing.Missing {
		s.reason = nemOutage
	}
	n.slots[slot], n.last, n.filled = s, r.To, n.filled+1
	return n.out.err
}

// flush writes the 300 of the day, and 400 where not all its intervals are alike.
func (n *nem12) flush() {
	if n.filled == 0 {
		return
	}
	fields := make([]string, 0, len(n.slots)+7)
	fields = append(fields, "300", n.day.Format("20060102"))
	alike := true
	for i := range n.slots {
		if n.slots[i] == (nemSlot{}) {
			n.slots[i] = missing
		}
		fields = append(fields, n.slots[i].value)
		alike = alike && n.slots[i].quality == n.slots[0].quality && n.slots[i].reason == n.slots[0].reason
	}
	quality, reason := n.slots[0].quality, n.slots[0].reason
	if !alike {
		quality, reason = "V", ""
	}
	n.record(append(fields, quality, reason, "", n.o.Made.In(n.zone).Format("20060102150405"), "")...)
	for start := 0; !alike && start < len(n.slots); {
		end := start
		for end < len(n.slots) && n.slots[end].quality == n.slots[start].quality && n.slots[end].reason == n.slots[start].reason {
			end++
		}
		n.record("400", strconv.Itoa(start+1), strconv.Itoa(end), n.slots[start].quality, n.slots[start].reason, "")
		start = end
	}
	clear(n.slots)
	n.filled = 0
}

func (n *nem12) Close() error {
	n.flush()
	n.record("900")
	return n.out.end()
}
