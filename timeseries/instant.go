package timeseries

import (
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// instant is a timestamptz as PostgreSQL keeps it: µs since 2000-01-01 UTC, with ±infinity at the ends
// of the range.
type instant int64

const epochUnixMicro = 946_684_800_000_000

// micros is the time as PostgreSQL keeps it, truncated to µs.
func micros(t time.Time) int64 { return t.UnixMicro() - epochUnixMicro }

// fromMicros is the inverse of micros.
func fromMicros(us int64) time.Time { return time.UnixMicro(us + epochUnixMicro).UTC() }

// ScanTimestamptz reads a timestamptz, infinity included.
func (i *instant) ScanTimestamptz(v pgtype.Timestamptz) error {
	switch {
	case !v.Valid:
		return fmt.Errorf("a time is NULL")
	case v.InfinityModifier == pgtype.Infinity:
		*i = math.MaxInt64
	case v.InfinityModifier == pgtype.NegativeInfinity:
		*i = math.MinInt64
	default:
		*i = instant(micros(v.Time))
	}
	return nil
}
