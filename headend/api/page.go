package api

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Page is a part of a list.
type Page[Item any] struct {
	Items []Item `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"cursor of the page that follows; absent on the last page"`
}

// PageOf is the answer with a page.
type PageOf[Item any] struct{ Body Page[Item] }

// Paging are the parameters every list has.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"most items in the answer"`
	Cursor string `query:"cursor" maxLength:"4096" doc:"next of the page before"`
}

// page makes the answer of found, of which one more than the limit was asked for, to see whether there is
// a next page. place is where an item stands in the order of the list.
func page[Found, Item any](list string, p Paging, found []Found, item func(Found) Item, place func(Found) any) *PageOf[Item] {
	out := &PageOf[Item]{Body: Page[Item]{Items: []Item{}}}
	if len(found) > p.Limit {
		found = found[:p.Limit]
		out.Body.Next = cursorTo(list, place(found[len(found)-1]))
	}
	for _, f := range found {
		out.Body.Items = append(out.Body.Items, item(f))
	}
	return out
}

// cursorTo writes the place after which the next page begins. It names its list, so that a cursor
// cannot be used for another.
func cursorTo(list string, place any) string {
	text, err := json.Marshal(place)
	if err != nil { // places are ids, numbers and times
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(list + " " + string(text)))
}

// begin reads a cursor into place; without a cursor place stays as it is.
func (p Paging) begin(list string, place any) error {
	if p.Cursor == "" {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	name, rest, ok := strings.Cut(string(text), " ")
	if err != nil || !ok || name != list || !readable(rest) || json.Unmarshal([]byte(rest), place) != nil {
		return invalid("query.cursor", p.Cursor, "the cursor is not one that a page of this list gave as next")
	}
	return nil
}

// Range is a half-open time.
type Range struct {
	From string `query:"from" maxLength:"64" doc:"beginning, RFC 3339 or a date; default: a day before to" example:"2026-11-21T00:00:00+07:00"`
	To   string `query:"to" maxLength:"64" doc:"end, not included, RFC 3339 or a date; default: now" example:"2026-11-22T00:00:00+07:00"`
}

// The times that can be asked for.
var (
	earliest = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// times reads the range; most is the longest it may be, 0 for any.
func (r Range) times(zone *time.Location, most time.Duration) (from, to time.Time, err error) {
	to = time.Now().UTC().Add(time.Microsecond).Truncate(time.Microsecond)
	if r.To != "" {
		if to, err = parseTime("query.to", r.To, zone); err != nil {
			return from, to, err
		}
	}
	from = to.Add(-24 * time.Hour)
	if r.From != "" {
		if from, err = parseTime("query.from", r.From, zone); err != nil {
			return from, to, err
		}
	}
	if !from.Before(to) {
		return from, to, invalid("query.from", r.From, "from ("+from.Format(time.RFC3339)+") is not before to ("+to.Format(time.RFC3339)+")")
	}
	if most > 0 && to.Sub(from) > most {
		return from, to, invalid("query.from", r.From, "at most "+strconv.Itoa(int(most/(24*time.Hour)))+" days can be asked for at once")
	}
	return from, to, nil
}

// Overlap is a half-open time without bound on a side that is not given.
type Overlap struct {
	From string `query:"from" maxLength:"64" doc:"beginning, RFC 3339 or a date; default: without bound" example:"2026-11-21T00:00:00+07:00"`
	To   string `query:"to" maxLength:"64" doc:"end, not included, RFC 3339 or a date; default: without bound" example:"2026-11-22T00:00:00+07:00"`
}

func (o Overlap) times(zone *time.Location) (from, to time.Time, err error) {
	if o.From != "" {
		if from, err = parseTime("query.from", o.From, zone); err != nil {
			return from, to, err
		}
	}
	if o.To != "" {
		if to, err = parseTime("query.to", o.To, zone); err != nil {
			return from, to, err
		}
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return from, to, invalid("query.from", o.From, "from ("+from.Format(time.RFC3339)+") is not before to ("+to.Format(time.RFC3339)+")")
	}
	return from, to, nil
}

func parseTime(location, text string, zone *time.Location) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1)) // a + that was not encoded arrives as a blank
	if err != nil {
		t, err = time.ParseInLocation(time.DateOnly, text, zone)
	}
	if err != nil {
		return t, invalid(location, text, "neither a time such as 2026-11-21T10:30:00+07:00 nor a date such as 2026-11-21")
	}
	first := time.Date(1970, 1, 1, 0, 0, 0, 0, zone) // east of Greenwich this midnight is before that of UTC
	if t.Before(earliest) && t.Before(first) || t.After(latest) {
		return t, invalid(location, text, "before 1970 or after 2200")
	}
	return t.UTC(), nil
}

// moment is a time that may be none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
