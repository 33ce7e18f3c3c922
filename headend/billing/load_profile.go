package billing

import (
	"fmt"
	"math/bits"
	"time"
)

// How a load profile finds the level of one customer: in what was measured in the days before, which must be a day's worth at least.
const (
	levelDays  = 28
	leastLevel = 24 * time.Hour
)

// wholeWeek is what the weights of five working days, a Saturday and a Sunday come to, nearly: each is rounded down.
const wholeWeek = 1_000_000_000_000

// LoadProfile is how the energy of a class of customers spreads over the week, by the local clock. It has no level: what one customer
// uses in the shape of it, Expected says.
type LoadProfile struct {
	zone  *time.Location
	class func(time.Time) string
	days  map[string][]uint64 // weights of slots of one length from midnight on, by the classes of Week
}

// NewLoadProfile makes one of the shares of slots, by the classes of Week: workday, saturday, sunday. The slots of a day are of one length
// and cover it from midnight on; shares are 0 or more, in any unit. The error names the day that is no such thing.
func NewLoadProfile(zone *time.Location, shares map[string][]int64) (*LoadProfile, error) {
	const mostShare = 1 << 40
	l := &LoadProfile{zone: zone, class: Week(zone), days: map[string][]uint64{}}
	whole := uint64(0)
	for day, times := range map[string]uint64{"workday": 5, "saturday": 1, "sunday": 1} {
		n := len(shares[day])
		if n == 0 || 24*60%n != 0 {
			return nil, fmt.Errorf("%s has %d slots, which do not cover 24 hours in whole minutes", day, n)
		}
		for _, s := range shares[day] {
			if s < 0 || s > mostShare {
				return nil, fmt.Errorf("%s has a share of %d, 0 to %d are possible", day, s, int64(mostShare))
			}
			whole += times * uint64(s)
		}
	}
	if whole == 0 {
		return nil, fmt.Errorf("all shares are 0")
	}
	for day, list := range shares {
		for _, s := range list {
			l.days[day] = append(l.days[day], uint64(shareOf(wholeWeek, uint64(s), whole)))
		}
	}
	return l, nil
}

// Weight is the part of the week's energy that falls into a period, in about 10⁻¹² of it. Of a slot that lies partly in the period it is
// the part by time. It is false for a period of more than a year.
func (l *LoadProfile) Weight(p Period) (int64, bool) {
	const year = 366 * 24 * time.Hour
	if p.Length() > year {
		return 0, false
	}
	weight := int64(0)
	for t := p.From; t.Before(p.To); {
		local := t.In(l.zone)
		slots := l.days[l.class(t)]
		length := 24 * time.Hour / time.Duration(len(slots))
		hour, minute, second := local.Clock()
		clock := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second + time.Duration(local.Nanosecond())
		next := t.Add(length - clock%length)
		if _, change := local.ZoneBounds(); !change.IsZero() && change.Before(next) { // clocks are set within the slot
			next = change
		}
		if p.To.Before(next) {
			next = p.To
		}
		weight += share(int64(slots[clock/length]), next.Sub(t), length)
		t = next
	}
	return weight, true
}

// Expected is the energy in Wh that a customer is expected to use, to the nearest: the shape is the profile's, the level that of what was
// measured in the 28 days before the day of the interval. It is false where less than a day's worth was. History must be in order of time.
func (l *LoadProfile) Expected(history []Value) func(Period) (int64, bool) {
	type dayLevel struct {
		day        time.Time
		wh, weight uint64
		measured   time.Duration
	}
	var days []dayLevel
	for _, v := range history {
		weight, ok := l.Weight(v.Period)
		if v.State != Measured || v.Wh < 0 || v.Wh >= mostWeight>>12 || !ok {
			continue
		}
		day := DayOf(v.Period.From, l.zone).From
		if len(days) == 0 || !days[len(days)-1].day.Equal(day) {
			days = append(days, dayLevel{day: day})
		}
		last := &days[len(days)-1]
		last.wh, last.weight, last.measured = last.wh+uint64(v.Wh), last.weight+uint64(weight), last.measured+v.Period.Length()
	}
	var known time.Time
	var level dayLevel
	return func(p Period) (int64, bool) {
		if day := DayOf(p.From, l.zone).From; !day.Equal(known) {
			known, level = day, dayLevel{}
			first := DayOf(day.In(l.zone).AddDate(0, 0, -levelDays), l.zone).From
			for _, d := range days {
				if !d.day.Before(first) && d.day.Before(day) {
					level.wh, level.weight, level.measured = level.wh+d.wh, level.weight+d.weight, level.measured+d.measured
				}
			}
		}
		weight, ok := l.Weight(p)
		if !ok || level.measured < leastLevel || level.weight == 0 {
			return 0, false
		}
		high, low := bits.Mul64(uint64(weight), level.wh)
		low, carry := bits.Add64(low, level.weight/2, 0)
		if high += carry; high >= level.weight {
			return 0, false
		}
		wh, _ := bits.Div64(high, low, level.weight)
		return int64(wh), wh < mostWeight
	}
}
