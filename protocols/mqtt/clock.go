package mqtt

import (
	"errors"
	"fmt"
	"time"

	"lastgasp/headend"
)

// errNotATime says a text or number is no time at all. A time that is merely impossible for a
// reading (1970, 2099) is a time: ingest judges it.
var errNotATime = errors.New("not a time")

func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %q: %w", name, err)
	}
	return zone, nil
}

// fromUnix reads a number of Unix seconds, or milliseconds when it is 10^11 or more: as seconds that
// would be the year 5138, as milliseconds it is 1973.
func fromUnix(d headend.Decimal) (time.Time, error) {
	whole, err := d.Floor()
	if err != nil {
		return time.Time{}, errNotATime
	}
	power := 9
	if whole >= 1e11 || whole <= -1e11 {
		power = 6
	}
	ns, err := d.Scale(power).Floor()
	if err != nil { // beyond 1678 to 2262
		return time.Time{}, errNotATime
	}
	return time.Unix(0, ns).UTC(), nil
}

// parseTime reads RFC 3339, or Unix seconds or milliseconds as digits.
func parseTime[T ~string | ~[]byte](text T) (time.Time, error) {
	c, offset, hasOffset, ok := parseISO(text)
	if ok && hasOffset {
		return c.in(offset), nil
	}
	if !ok {
		if d, err := headend.ParseDecimal(text); err == nil {
			return fromUnix(d)
		}
	}
	return time.Time{}, errNotATime
}

// parseTimeIn is parseTime that takes a time without offset for one of the zone. The second result
// marks a time that the zone's clock shows twice or never.
func parseTimeIn(text string, zone *time.Location, received time.Time) (time.Time, headend.Quality, error) {
	c, offset, hasOffset, ok := parseISO(text)
	switch {
	case ok && hasOffset:
		return c.in(offset), 0, nil
	case ok && zone != nil:
		t, quality := localTime(c, zone, received)
		return t, quality, nil
	}
	t, err := parseTime(text)
	return t, 0, err
}

// civil is a date and time of day without a zone.
type civil struct {
	year, month, day, hour, minute, second, nano int
}

func (c civil) in(offsetSeconds int) time.Time {
	return time.Date(c.year, time.Month(c.month), c.day, c.hour, c.minute, c.second-offsetSeconds, c.nano, time.UTC)
}

func (c civil) valid() bool {
	return c.month >= 1 && c.month <= 12 && c.day >= 1 && c.day <= daysIn(c.year, c.month) &&
		c.hour <= 23 && c.minute <= 59 && c.second <= 59
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// parseISO reads YYYY-MM-DDThh:mm:ss with an optional fraction and an optional offset. It is
// hand-written because it is on the path of every message: no allocation, and half the time of
// time.Parse where the offset is not Z.
func parseISO[T ~string | ~[]byte](s T) (c civil, offset int, hasOffset, ok bool) {
	if len(s) < 19 || s[4] != '-' || s[7] != '-' || s[13] != ':' || s[16] != ':' ||
		s[10] != 'T' && s[10] != 't' && s[10] != ' ' {
		return c, 0, false, false
	}
	bad := false
	digits := func(from, n int) int {
		v := 0
		for i := from; i < from+n; i++ {
			if s[i] < '0' || s[i] > '9' {
				bad = true
			}
			v = v*10 + int(s[i]&0xf)
		}
		return v
	}
	c = civil{year: digits(0, 4), month: digits(5, 2), day: digits(8, 2),
		hour: digits(11, 2), minute: digits(14, 2), second: digits(17, 2)}
	i := 19
	if i < len(s) && (s[i] == '.' || s[i] == ',') {
		i++
		start, unit := i, 100_000_000
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			c.nano += int(s[i]-'0') * unit
			unit /= 10
			i++
		}
		if i == start {
			return c, 0, false, false
		}
	}
	switch {
	case i == len(s):
	case len(s) == i+1 && (s[i] == 'Z' || s[i] == 'z'):
		hasOffset = true
	case len(s) == i+6 && (s[i] == '+' || s[i] == '-') && s[i+3] == ':':
		h, m := digits(i+1, 2), digits(i+4, 2)
		if h > 23 || m > 59 {
			return c, 0, false, false
		}
		offset = h*3600 + m*60
		if s[i] == '-' {
			offset = -offset
		}
		hasOffset = true
	default:
		return c, 0, false, false
	}
	return c, offset, hasOffset, !bad && c.valid()
}

// localTime is the moment at which the zone's clocks show c. Where they show it twice, as in the
// hour that autumn repeats, the moment nearest to when the message was received is taken; where they
// never show it, the offset of before the jump is. Both are doubtful.
func localTime(c civil, zone *time.Location, received time.Time) (time.Time, headend.Quality) {
	base := c.in(0)
	var found []time.Time
	offsets := [2]int{offsetAt(zone, base.Add(-24*time.Hour)), offsetAt(zone, base.Add(24*time.Hour))}
	for i, offset := range offsets {
		if i == 1 && offset == offsets[0] {
			break
		}
		if t := base.Add(-time.Duration(offset) * time.Second); offsetAt(zone, t) == offset {
			found = append(found, t)
		}
	}
	switch len(found) {
	case 1:
		return found[0], 0
	case 2:
		if received.Sub(found[0]).Abs() <= received.Sub(found[1]).Abs() {
			return found[0], headend.QualityClockDoubtful
		}
		return found[1], headend.QualityClockDoubtful
	}
	return base.Add(-time.Duration(offsets[0]) * time.Second), headend.QualityClockDoubtful
}

func offsetAt(zone *time.Location, t time.Time) int {
	_, offset := t.In(zone).Zone()
	return offset
}
