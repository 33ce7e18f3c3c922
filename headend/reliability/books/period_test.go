package books_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/headend/reliability/books"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// The month is closed, a late log turns a sustained interruption into a momentary one: revision 2 with its difference,
// and revision 1 as it was.
func TestALateLogMakesASecondRevisionOfAClosedMonth(t *testing.T) {
	s := storetest.Open(t, timeseries.Postgres)
	district(t, s, 4)
	ledger := newRecorder(t, s)
	ledger.record(row(1, 1, "2026-10-05 10:00", "2026-10-05 10:30"), row(3, 2, "2026-10-05 10:00", "2026-10-05 10:30"), row(2, 3, "2026-10-31 23:50", "2026-11-01 01:00"))
	c := &clock{at: local("2026-10-31 12:00")}
	o := office(t, s, c, nil)
	closing := books.Closing{Organisation: "EVN", Month: date("2026-10-01"), Policy: "vn", By: "Lan"}
	var bad *headend.BadRequest
	if _, err := o.Close(t.Context(), closing); !errors.As(err, &bad) {
		t.Fatal("a month that is not over was closed", err)
	}
	c.at = local("2026-11-03 09:00")
	first, err := o.Close(t.Context(), closing)
	if err != nil || first.Number != 1 || first.Revision != 1 || len(first.Difference) > 0 {
		t.Fatalf("%+v %v", first, err)
	}
	var unchanged *books.Unchanged
	if _, err := o.Close(t.Context(), closing); !errors.As(err, &unchanged) || unchanged.Last.Number != 1 {
		t.Fatal("closed twice", err)
	}
	settle(t, o)

	late := row(1, 1, "2026-10-05 10:00", "2026-10-05 10:04")
	late.Reason = "the meter's log says 4 minutes"
	ledger.record(late, row(4, 4, "2026-11-02 10:00", "2026-11-02 11:00")) // and something of another month
	c.at = local("2026-11-09 09:00")
	second, err := o.Close(t.Context(), closing)
	if err != nil || second.Number != 2 || second.Revision != 2 || second.Reason != late.Reason {
		t.Fatalf("%+v %v", second, err)
	}
	var d books.Difference
	if err := json.Unmarshal(second.Difference, &d); err != nil {
		t.Fatal(err)
	}
	// Four customers: SAIFI 3/4 → 2/4, SAIDI (30+30+70)/4 → 100/4, MAIFI 0 → 1/4.
	for _, want := range []string{
		`"units":[{"unit":"A","category":"fault","counted":true,"ci":-1,"cmi":-30,"mi":1,"me":0}]`,
		`{"id":"EVN","saifi":[0.750000000000,0.500000000000],"saidi":[32.500000000000,25],"maifi":[0,0.250000000000]}`,
		`"effects":["sustained fault became momentary fault","26.000 minutes less"],"reasons":["the meter's log says 4 minutes"]`,
		`"from_revision":1,"to_revision":2`,
	} {
		if !strings.Contains(string(second.Difference), want) {
			t.Errorf("the difference lacks %s:\n%s", want, second.Difference)
		}
	}
	if strings.Contains(string(second.Difference), `"id":"B"`) || len(d.Changes) != 1 {
		t.Errorf("what has not changed is in the difference: %s", second.Difference)
	}
	stored, err := o.Closed(t.Context(), "EVN", date("2026-10-01"), "vn", 1)
	if err != nil || len(stored) != 1 || !bytes.Equal(stored[0].Figures, first.Figures) {
		t.Fatal("revision 1 is not what it was", err)
	}
	// And it can be had again from the ledger.
	again, err := o.Report(t.Context(), headend.ReportRequest{Unit: "EVN", Policy: "vn", From: date("2026-10-01"), To: date("2026-11-01"), Revision: first.Revision, AsOf: first.AsOf, Customers: true})
	if err != nil {
		t.Fatal(err)
	}
	again.Stored = false
	if got, err := json.Marshal(again); err != nil || !bytes.Equal(got, first.Figures) {
		t.Error(cmp.Diff(string(first.Figures), string(got)))
	}
}
