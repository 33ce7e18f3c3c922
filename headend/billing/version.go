package billing

import (
	"errors"
	"fmt"
	"time"
)

// ErrVersion says that a value may not become a version: an estimate where a measured value is, or no value at all.
var ErrVersion = errors.New("version of a value")

// Version is one value of an interval as it was held from Made on.
type Version struct {
	Number int // from 1
	Value  Value
	Made   time.Time
	Reason string // why it was written
}

// Versions are all versions of one interval's value, the first one first. None is ever changed or removed.
type Versions []Version

// Current is the last version; ok is false when there is none.
func (v Versions) Current() (current Version, ok bool) {
	if len(v) == 0 {
		return Version{}, false
	}
	return v[len(v)-1], true
}

// Append adds a value, if it is another than the current one. A measured value follows anything; an estimate follows
// nothing or an estimate. It returns ErrVersion for an estimate where a measured value is, for a missing value, and for one of
// another interval.
func (v Versions) Append(value Value, made time.Time, reason string) (Versions, error) {
	if value.State != Measured && value.State != Estimated {
		return v, fmt.Errorf("%w: a %s value is none", ErrVersion, value.State)
	}
	current, ok := v.Current()
	if !ok {
		return append(v, Version{1, value, made.UTC(), reason}), nil
	}
	if !current.Value.Period.From.Equal(value.Period.From) || !current.Value.Period.To.Equal(value.Period.To) {
		return v, fmt.Errorf("%w: it is of %s, not of %s", ErrVersion, value.Period.From, current.Value.Period.From)
	}
	if current.Value.State == Measured && value.State == Estimated {
		return v, fmt.Errorf("%w: an estimate cannot follow the measured value of %s", ErrVersion, value.Period.From)
	}
	value.Period = current.Value.Period
	if current.Value == value {
		return v, nil
	}
	return append(v[:len(v):len(v)], Version{current.Number + 1, value, made.UTC(), reason}), nil
}
