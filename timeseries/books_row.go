package timeseries

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"lastgasp/headend"
)

const bookColumns = "usage_point, id, revision, outage, started, ended, phases, cause, planned, own, declared, inferred, withdrawn, reason"

// edgeWindow is how far before and behind a time rows may decide what is counted in it: momentary interruptions that
// follow each other within minutes are one event. Usage points with rows there, or with rows that reach beyond, are
// passed with all their rows.
const edgeWindow = 2 * time.Hour

func (b *bookSnapshot) Rows(ctx context.Context, pick headend.BookRows, take func(*headend.Interruption) error) error {
	sql, args := bookRows(pick)
	rows, err := b.tx.Query(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("rows: %w", err)
	}
	defer rows.Close()
	texts := map[string]string{} // few causes and reasons, many rows
	for rows.Next() {
		v := rows.RawValues()
		r := headend.Interruption{UsagePoint: uint32(rawInt32(v[0])), ID: rawInt64(v[1]), Revision: rawInt64(v[2]), Outage: rawInt64(v[3]), Start: rawTime(v[4]), End: rawTime(v[5]),
			Phases: headend.Phases(rawInt16(v[6])), Cause: interned(texts, v[7]), Planned: rawBool(v[8]), Own: rawBool(v[9]), Declared: rawBool(v[10]), Inferred: rawBool(v[11]),
			Withdrawn: rawBool(v[12]), Reason: interned(texts, v[13])}
		if err := take(&r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("rows: %w", err)
	}
	return nil
}

// bookRows makes the statement: which versions, of which usage points, over which time.
func bookRows(pick headend.BookRows) (string, []any) {
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	current, former := "SELECT "+bookColumns+" FROM interruption WHERE true", "SELECT "+bookColumns+" FROM interruption_former WHERE true"
	if pick.Revision != 0 {
		r := arg(pick.Revision)
		current, former = current+" AND revision <= "+r, former+" AND revision <= "+r
		if !pick.Versions {
			former += " AND until > " + r
		}
	}
	both := pick.Revision != 0 || pick.Versions
	if !pick.Versions {
		current, former = current+" AND NOT withdrawn", former+" AND NOT withdrawn"
	}
	where := ""
	if pick.Points != nil {
		numbers := make([]int32, len(pick.Points))
		for i, n := range pick.Points {
			numbers[i] = int32(n)
		}
		where += " AND usage_point = ANY (" + arg(numbers) + ")"
	}
	if pick.First != 0 {
		where += " AND usage_point >= " + arg(int32(pick.First))
	}
	if pick.Last != 0 {
		where += " AND usage_point <= " + arg(int32(pick.Last))
	}
	current += where
	if both {
		current += " UNION ALL " + former + where
	}
	edge, picked := "", ""
	if !pick.From.IsZero() {
		before, from, to, behind := arg(pick.From.Add(-edgeWindow)), arg(pick.From), arg(pick.To), arg(pick.To.Add(edgeWindow))
		within := func(a, b string) string {
			return "(coalesce(started, '-infinity') <= " + b + "::timestamptz AND (ended IS NULL OR ended >= " + a + "::timestamptz))"
		}
		edge = "LEFT JOIN (SELECT DISTINCT usage_point, true AS edge FROM (" + current + ") e WHERE " + within(before, from) + " OR " + within(to, behind) + ") e USING (usage_point)"
		picked = " AND (edge OR " + within(before, behind) + ")"
	}
	return strings.NewReplacer("/*versions*/", current, "/*edge*/", edge, "/*picked*/", picked).Replace(sqlBooksRow), args
}

func interned(texts map[string]string, raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	text, ok := texts[string(raw)]
	if !ok {
		text = string(raw)
		if len(texts) < 10_000 {
			texts[text] = text
		}
	}
	return text
}

// The values of a row in the binary format, which pgx asks for by itself for these types. Reading ten million rows by
// Scan takes three times as long.
func rawInt16(b []byte) int16 { return int16(binary.BigEndian.Uint16(b)) }
func rawInt32(b []byte) int32 { return int32(binary.BigEndian.Uint32(b)) }
func rawInt64(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }
func rawBool(b []byte) bool   { return b[0] != 0 }

// microsToEpoch is from 1970, where time.Time counts from, to 2000, where PostgreSQL does.
const microsToEpoch = 946684800_000_000

// rawTime is zero for NULL and for a time without end.
func rawTime(b []byte) time.Time {
	if b == nil {
		return time.Time{}
	}
	micros := rawInt64(b)
	if micros == 1<<63-1 || micros == -1<<63 {
		return time.Time{}
	}
	return time.UnixMicro(micros + microsToEpoch).UTC()
}
