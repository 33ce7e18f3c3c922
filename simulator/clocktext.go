package simulator

import "time"

// appendTime appends the time, in ms since 1970, as RFC 3339 with milliseconds, UTC.
func appendTime(b []byte, unixMilli int64) []byte {
	return time.UnixMilli(unixMilli).UTC().AppendFormat(b, floodTimeFormat)
}
