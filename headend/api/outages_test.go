package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/headend/access/accesstest"
	"lastgasp/headend/api"
)

// ledger writes into the ledger of a test's store as the detector would.
func (s *server) ledger(t *testing.T) func(outages []headend.Outage, rows ...headend.LedgerRow) (revision int64) {
	t.Helper()
	epoch, _, release, err := s.store.Lease(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return func(outages []headend.Outage, rows ...headend.LedgerRow) int64 {
		t.Helper()
		revision, err := s.store.Record(t.Context(), epoch, headend.Detection{Outages: outages, Rows: rows})
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
}

// points gives the numbers of usage points by their ids.
func (s *server) points(t *testing.T) map[string]uint32 {
	t.Helper()
	grid, err := s.store.Grid(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	numbers := map[string]uint32{}
	for i, p := range grid.Points {
		numbers[p.ID] = grid.PointNumbers[i]
	}
	return numbers
}

// transformerOut is an outage at T1 as it is first seen.
func transformerOut(number int64) headend.Outage {
	return headend.Outage{Number: number, State: headend.OutageConfirmed, Node: "T1", Start: noon, Odds: 6.9, Customers: 2, Out: 2, Seen: 1,
		Summary: "1 of 2 meters sent a last gasp", Trail: []string{"The lowest node is T1.", "1 of 2 meters sent a last gasp."}}
}

func TestOutagesAreListedAndExplained(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		record := s.ledger(t)
		seen := transformerOut(1)
		seen.State, seen.Out, seen.Customers = headend.OutageSuspected, 1, 1
		record([]headend.Outage{seen})
		closed := headend.Outage{Number: 2, State: headend.OutageClosed, Node: "T2", Start: noon.Add(-48 * time.Hour), End: noon.Add(-47 * time.Hour), Planned: true,
			Plan: "P1", Notice: noon.Add(-240 * time.Hour), Overrun: 90 * time.Second, Cause: "maintenance", Customers: 1, Seen: 1, Summary: "planned cut P1",
			Steps: []headend.OutageStep{{At: noon.Add(-47 * time.Hour), Back: 1, Node: "T2"}}}
		lost := headend.Outage{Number: 3, State: headend.OutageWithdrawn, UsagePoint: "U1", Phases: headend.L2, Odds: -3, Summary: "a gasp", Reason: "its log denies it"}
		record([]headend.Outage{transformerOut(1), closed, lost})

		for path, want := range map[string]string{
			"/api/v1/outages":                                   "1 2",
			"/api/v1/outages?state=open":                        "1",
			"/api/v1/outages?state=confirmed&state=closed":      "1 2",
			"/api/v1/outages?state=withdrawn":                   "3",
			"/api/v1/outages?state=open&state=withdrawn":        "3 1", // 3 has no start: it stands where it was written
			"/api/v1/outages?node=T2":                           "2",
			"/api/v1/outages?node=F1":                           "1 2",
			"/api/v1/outages?planned=true":                      "2",
			"/api/v1/outages?planned=false":                     "1",
			"/api/v1/outages?to=2026-11-19":                     "2",
			"/api/v1/outages?from=2026-11-20T12:00:00%2B07:00":  "1",
			"/api/v1/outages?from=2026-11-19&to=2026-11-20":     "",
			"/api/v1/outages?from=2026-11-21":                   "1", // it lasts
			"/api/v1/outages?node=nowhere":                      "",
			"/api/v1/outages?limit=1&state=open&state=restored": "1",
			"/api/v1/outages?state=suspected&state=restored":    "",
			"/api/v1/outages?planned=true&node=T1&state=closed": "",
			"/api/v1/outages?state=closed&planned=true&node=S1": "2",
		} {
			var page api.Page[api.Outage]
			s.read(t, path, &page)
			if got := numbersOf(page.Items); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
		var numbers []string
		for path := "/api/v1/outages?limit=1&state=open&state=closed&state=withdrawn"; path != ""; {
			var page api.Page[api.Outage]
			s.read(t, path, &page)
			numbers = append(numbers, numbersOf(page.Items))
			path = ""
			if page.Next != "" {
				path = "/api/v1/outages?limit=1&state=open&state=closed&state=withdrawn&cursor=" + url.QueryEscape(page.Next)
			}
		}
		if got := strings.Join(numbers, " "); got != "3 1 2" {
			t.Errorf("by pages: %s", got)
		}

		var detail map[string]any
		s.read(t, "/api/v1/outages/1", &detail)
		for _, times := range detail["changes"].([]any) {
			delete(times.(map[string]any), "at")
		}
		delete(detail, "changed")
		if diff := cmp.Diff(object(t, `{"number":1,"state":"confirmed","node":"T1","name":"Trạm 1","feeder":"F1","feeder_name":"471","organisation":"D1","organisation_name":"Tam Kỳ",
			"start":"2026-11-20T05:00:00Z","probability":0.999,"planned":false,"own":false,"declared":false,"customers":2,"out":2,"seen":1,"summary":"1 of 2 meters sent a last gasp","revision":2,
			"trail":["The lowest node is T1.","1 of 2 meters sent a last gasp."],"steps":[],"decisions":[],"changes":[
			{"revision":1,"state":"suspected","node":"T1","customers":1,"out":1,"summary":"1 of 2 meters sent a last gasp"},
			{"revision":2,"state":"confirmed","node":"T1","customers":2,"out":2,"summary":"1 of 2 meters sent a last gasp"}]}`), detail); diff != "" {
			t.Error(diff)
		}
		var other api.OutageDetail
		s.read(t, "/api/v1/outages/2", &other)
		if other.OverrunSeconds != 90 || other.Plan != "P1" || other.Notice == nil || other.End == nil || len(other.Steps) != 1 || other.Steps[0].Node != "T2" || other.Name != "Trạm 2" {
			t.Errorf("got %+v", other)
		}
		other = api.OutageDetail{}
		s.read(t, "/api/v1/outages/3", &other)
		if other.Start != nil || other.Reason != "its log denies it" || other.UsagePoint != "U1" || other.Name != "Ông An" || other.Phases != "L2" || other.Probability != 0.0474 {
			t.Errorf("got %+v", other)
		}
		s.problem(t, http.MethodGet, "/api/v1/outages/77", http.StatusNotFound, "77")
		s.problem(t, http.MethodGet, "/api/v1/outages/seventeen", http.StatusUnprocessableEntity, "path.number")
		s.problem(t, http.MethodGet, "/api/v1/outages?state=dark", http.StatusUnprocessableEntity, "suspected")
		s.problem(t, http.MethodGet, "/api/v1/outages?to=2027", http.StatusUnprocessableEntity, "query.to")
		s.problem(t, http.MethodGet, "/api/v1/outages?node=T1&node=T2", http.StatusBadRequest, "given 2 times")
		s.problem(t, http.MethodGet, "/api/v1/outages?from=2026-11-21&to=2026-11-20", http.StatusUnprocessableEntity, "not before")
	})
}

func numbersOf(outages []api.Outage) string {
	words := make([]string, len(outages))
	for i, o := range outages {
		words[i] = fmt.Sprint(o.Number)
	}
	return strings.Join(words, " ")
}

func object(t *testing.T, text string) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("the test's own JSON: %v\n%s", err, text)
	}
	return v
}

func TestOperatorsDecideAboutOutages(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		points := s.points(t)
		record := s.ledger(t)
		row := func(point string, id, outage int64) headend.LedgerRow {
			return headend.LedgerRow{Point: point, StartBy: headend.ByDevice, Interruption: headend.Interruption{UsagePoint: points[point], ID: id, Outage: outage, Start: noon}}
		}
		second := transformerOut(2)
		second.Node, second.Customers, second.Out, second.End, second.State = "T2", 1, 0, noon.Add(2*time.Hour), headend.OutageRestored
		alone := headend.Outage{Number: 3, State: headend.OutageConfirmed, UsagePoint: "U2", Start: noon, Customers: 1, Out: 1, Seen: 1, Summary: "U2 alone"}
		none := headend.Outage{Number: 4, State: headend.OutageWithdrawn, Node: "T1", Start: noon, Reason: "its log denies it"}
		feeder := transformerOut(5)
		feeder.Node, feeder.Start, feeder.End = "F1", noon.Add(-24*time.Hour), noon.Add(-22*time.Hour)
		old := transformerOut(6) // the detector has let go of it
		old.State, old.Start, old.End = headend.OutageClosed, noon.AddDate(-11, 0, 0), noon.AddDate(-11, 0, 1)
		record([]headend.Outage{transformerOut(1), second, alone, none, feeder, old}, row("U1", 1, 1), row("U2", 2, 3), row("U3", 3, 2))

		for _, c := range []struct {
			path, body string
			status     int
			words      []string
		}{
			{"77", `{"by":"nam","planned":true}`, 404, []string{"77"}},
			{"1", `{"by":"nam","note":" "}`, 422, []string{"it decides nothing"}},
			{"1", `{"by":"nam","cause":"Cây đổ"}`, 422, []string{"body.cause", "words belong into note"}},
			{"1", `{"by":"nam","ended":true}`, 422, []string{"ended"}},
			{"1", `{"by":"nam","planned":"yes"}`, 422, []string{"body.planned"}},
			{"1", `{"by":"nam"`, 400, nil},
			{"1", `{"by":"nam","merge":1}`, 422, []string{"body.merge", "with itself"}},
			{"1", `{"by":"nam","merge":99}`, 422, []string{"body.merge", "99"}},
			{"1", `{"by":"nam","merge":4}`, 409, []string{"withdrawn: its log denies it"}},
			{"4", `{"by":"nam","planned":true}`, 409, []string{"withdrawn: its log denies it"}},
			{"1", `{"by":"nam","split_at":"T1"}`, 422, []string{"own node"}},
			{"1", `{"by":"nam","split_at":"T2"}`, 422, []string{"T2 is not below T1"}},
			{"1", `{"by":"nam","split_at":"F1"}`, 422, []string{"F1 is not below T1"}},
			{"1", `{"by":"nam","split_at":"T9"}`, 422, []string{"body.split_at", "T9"}},
			{"3", `{"by":"nam","split_at":"T1"}`, 422, []string{"usage point U2 alone"}},
			{"5", `{"by":"nam","split_at":"T1","merge":1}`, 422, []string{"split and merge at once"}},
			{"6", `{"by":"nam","merge":1}`, 409, []string{"path.number", "this outage (6) ended 2015-11-21", "cause, planned, own and declared can still be set"}},
			{"1", `{"by":"nam","merge":6}`, 409, []string{"body.merge", "the outage to merge (6) ended 2015-11-21"}},
			{"6", `{"by":"nam","split_at":"T2"}`, 409, []string{"detection.window"}},
			{"1", `{"by":"nam","own":true}`, 422, []string{"body.usage_point", "node T1"}},
			{"1", `{"by":"nam","own":true,"usage_point":"U3"}`, 422, []string{"U3 has no interruption in outage 1"}},
			{"1", `{"by":"nam","usage_point":"U1"}`, 422, []string{"give own too"}},
			// One that is wrong spoils all of a request: nothing of it is kept.
			{"1", `{"by":"nam","cause":"tree","merge":1}`, 422, []string{"with itself"}},
		} {
			got, kind, body := s.send(t, http.MethodPatch, "/api/v1/outages/"+c.path, c.body)
			if got != c.status || kind != "application/problem+json" {
				t.Errorf("%s %s: %d %s %s", c.path, c.body, got, kind, body)
			}
			for _, word := range c.words {
				if !strings.Contains(string(body), word) {
					t.Errorf("%s %s does not say %q: %s", c.path, c.body, word, body)
				}
			}
		}
		if status, _, body := s.send(t, http.MethodPatch, "/api/v1/outages/1", `{"by":"nam","planned":true}`, "X-Operator", "hoa"); status != 422 || !strings.Contains(string(body), `you are \"nam\"`) {
			t.Errorf("two names: %d %s", status, body)
		}
		if status, _, body := s.send(t, http.MethodPatch, "/api/v1/outages/1", `{"by":"nam","planned":true}`, "Sec-Fetch-Site", "cross-site"); status != 403 {
			t.Errorf("a page of another site: %d %s", status, body)
		}
		var detail api.OutageDetail
		s.read(t, "/api/v1/outages/1", &detail)
		if len(detail.Decisions) != 0 {
			t.Fatalf("kept of what was refused: %+v", detail.Decisions)
		}

		before := time.Now()
		decide := func(path, body string, headers ...string) []api.Decision {
			t.Helper()
			status, _, answer := s.send(t, http.MethodPatch, "/api/v1/outages/"+path, body, headers...)
			var decided api.Decided
			if err := json.Unmarshal(answer, &decided); status != http.StatusAccepted || err != nil {
				t.Fatalf("%s %s: %d %s", path, body, status, answer)
			}
			return decided.Decisions
		}
		all := decide("1", `{"by":"Nguyễn Nam","cause":"tree","planned":false,"declared":true,"note":"cây đổ vào đường dây"}`)
		if len(all) != 3 || all[0].Kind != "cause" || all[0].Cause != "tree" || all[1].Kind != "unplanned" || all[2].Kind != "declared" {
			t.Fatalf("got %+v", all)
		}
		for _, d := range all {
			if d.Number == 0 || d.By != "Nguyễn Nam" || d.Note != "cây đổ vào đường dây" || d.Outage != 1 || d.Node != "T1" || d.Made.Before(before.Add(-time.Second)) ||
				d.Moment.Before(noon) || d.Moment.After(time.Now()) {
				t.Errorf("got %+v", d)
			}
		}
		if d := decide("2", `{"merge":1}`, "X-Operator", "hoa")[0]; d.Kind != "merge" || d.Merged != 1 || d.By != "hoa" || !d.Moment.Equal(noon.Add(time.Hour)) {
			t.Errorf("got %+v", d)
		}
		if d := decide("3", `{"by":"hoa","own":true}`)[0]; d.Kind != "own" || d.UsagePoint != "U2" || d.Node != "" {
			t.Errorf("got %+v", d)
		}
		if d := decide("1", `{"by":"hoa","own":false,"usage_point":"U1"}`)[0]; d.Kind != "not_own" || d.UsagePoint != "U1" || d.Node != "" || d.Outage != 1 {
			t.Errorf("got %+v", d)
		}
		if d := decide("5", `{"by":"hoa","split_at":"T2"}`)[0]; d.Kind != "split" || d.SplitAt != "T2" || d.Node != "F1" || !d.Moment.Equal(noon.Add(-23*time.Hour)) {
			t.Errorf("got %+v", d)
		}
		if d := decide("1", `{"by":"hoa","cause":""}`)[0]; d.Kind != "cause" || d.Cause != "" {
			t.Errorf("got %+v", d)
		}
		s.read(t, "/api/v1/outages/1", &detail)
		var kinds []string
		for _, d := range detail.Decisions {
			kinds = append(kinds, d.Kind)
		}
		if got := strings.Join(kinds, " "); got != "cause unplanned declared merge not_own cause" { // the merge was decided about outage 2
			t.Errorf("the audit trail has %s", got)
		}
	})
}

func TestInterruptionsAsTheyStoodAtARevision(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		points := s.points(t)
		record := s.ledger(t)
		row := func(point string, id int64, minute int) headend.LedgerRow {
			return headend.LedgerRow{Point: point, StartBy: headend.ByDevice, Interruption: headend.Interruption{UsagePoint: points[point], ID: id, Outage: 1,
				Start: noon.Add(time.Duration(minute) * time.Minute), Inferred: point == "U2"}}
		}
		first := record([]headend.Outage{transformerOut(1)}, row("U1", 1, 0), row("U2", 2, 0), row("U3", 3, 5))
		ended := row("U1", 1, 0)
		ended.End, ended.EndBy, ended.Start, ended.StartBy, ended.Reason = noon.Add(time.Hour), headend.ByLog, noon.Add(-time.Minute), headend.ByLog, "its log was read"
		gone := row("U3", 3, 5)
		gone.Withdrawn, gone.Reason = true, "its log denies it"
		last := record(nil, ended, gone)

		list := func(query string) (found []string, revision int64) {
			t.Helper()
			var page api.InterruptionPage
			s.read(t, "/api/v1/interruptions?"+query, &page)
			for _, i := range page.Items {
				word := fmt.Sprintf("%s@%s", i.UsagePoint, i.Start.Format("15:04"))
				if i.End != nil {
					word += "-" + i.End.Format("15:04")
				}
				found = append(found, word)
			}
			return found, page.Revision
		}
		for query, want := range map[string]string{
			"":                                "U1@04:59-06:00 U2@05:00",
			fmt.Sprintf("revision=%d", last):  "U1@04:59-06:00 U2@05:00",
			fmt.Sprintf("revision=%d", first): "U1@05:00 U2@05:00 U3@05:05",
			fmt.Sprintf("revision=%d&usage_point=U1", first): "U1@05:00",
			"usage_point=U2":                   "U2@05:00",
			"outage=1&open=true":               "U2@05:00",
			"outage=2":                         "",
			"node=T1":                          "U1@04:59-06:00 U2@05:00",
			"node=T2":                          "",
			"from=2026-11-20T13:00:00%2B07:00": "U2@05:00",
			"usage_point=U3":                   "",
			"usage_point=U3&withdrawn=true":    "U3@05:05",
			"to=2026-11-20T12:00:00%2B07:00":   "U1@04:59-06:00",
		} {
			if found, _ := list(query); strings.Join(found, " ") != want {
				t.Errorf("%q: %v, want %s", query, found, want)
			}
		}
		var page struct {
			Items    []map[string]any
			Revision int64
			Next     string
		}
		s.read(t, "/api/v1/interruptions?limit=1", &page)
		delete(page.Items[0], "written")
		want := object(t, fmt.Sprintf(`{"usage_point":"U1","id":1,"revision":%d,"outage":1,"start":"2026-11-20T04:59:00Z","start_by":"log","end":"2026-11-20T06:00:00Z","end_by":"log",
			"planned":false,"own":false,"declared":false,"inferred":false,"reason":"its log was read"}`, last))
		if diff := cmp.Diff(want, page.Items[0]); diff != "" || page.Revision != last || page.Next == "" {
			t.Errorf("%+v\n%s", page, diff)
		}
		// What is written between two pages is not on the second.
		record(nil, row("U2", 9, 30))
		found, revision := list("limit=9&cursor=" + url.QueryEscape(page.Next))
		if strings.Join(found, " ") != "U2@05:00" || revision != last {
			t.Errorf("the second page: %v at revision %d, want %d", found, revision, last)
		}
		s.problem(t, http.MethodGet, "/api/v1/interruptions?revision=999", http.StatusUnprocessableEntity, "query.revision", "no such revision yet")
		s.problem(t, http.MethodGet, fmt.Sprintf("/api/v1/interruptions?revision=%d&cursor=%s", first, url.QueryEscape(page.Next)), http.StatusUnprocessableEntity, "another revision")
	})
}

func TestTheCalendarOfPlans(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		const good = `{"kind":"cut","node":"T1","usage_points":["U3","U3"],"from":"2026-11-22T08:00:00+07:00","to":"2026-11-22T11:00:00+07:00","reason":"thay sứ","notice":"2026-11-15","by":"hoa"}`
		for body, words := range map[string]string{
			strings.Replace(good, `"cut"`, `"party"`, 1):                            "body.kind",
			strings.Replace(good, `"T1"`, `"T9"`, 1):                                `body.node`,
			strings.Replace(good, `"U3","U3"`, `"U9"`, 1):                           `body.usage_points`,
			strings.Replace(good, `"node":"T1","usage_points":["U3","U3"],`, "", 1): "whom does it concern",
			strings.Replace(good, "T11:00", "T07:00", 1):                            "is not after from",
			strings.Replace(good, "2026-11-15", "soon", 1):                          "body.notice",
			strings.Replace(good, "2026-11-22T08:00:00+07:00", "tomorrow", 1):       "body.from",
		} {
			if status, kind, answer := s.send(t, http.MethodPut, "/api/v1/plans/P1", body); status != 422 || kind != "application/problem+json" || !strings.Contains(string(answer), words) {
				t.Errorf("%s: %d %s, want %s", body, status, answer, words)
			}
		}
		s.problem(t, http.MethodGet, "/api/v1/plans/P1", http.StatusNotFound, "P1")
		s.problem(t, http.MethodDelete, "/api/v1/plans/P1?by=hoa", http.StatusNotFound, "P1")
		put := func(id, body string) (p map[string]any) {
			t.Helper()
			status, _, answer := s.send(t, http.MethodPut, "/api/v1/plans/"+id, body)
			if err := json.Unmarshal(answer, &p); status != http.StatusOK || err != nil {
				t.Fatalf("%d %s", status, answer)
			}
			delete(p, "revised")
			return p
		}
		entered := `{"id":"P1","kind":"cut","node":"T1","usage_points":["U3"],"from":"2026-11-22T01:00:00Z","to":"2026-11-22T04:00:00Z","reason":"thay sứ",
			"notice":"2026-11-14T17:00:00Z","dropped":false,"by":"hoa"}`
		if diff := cmp.Diff(object(t, entered), put("P1", good)); diff != "" {
			t.Error(diff)
		}
		put("W%2F1", `{"kind":"firmware","node":"F1","from":"2026-11-25","to":"2026-11-26","by":"nam"}`)
		put("P1", strings.Replace(good, "T11:00", "T12:00", 1)) // put off by an hour
		list := func(query, want string) {
			t.Helper()
			var page api.Page[api.Plan]
			s.read(t, "/api/v1/plans?"+query, &page)
			var ids []string
			for _, p := range page.Items {
				ids = append(ids, p.ID)
			}
			if got := strings.Join(ids, " "); got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
		}
		list("", "P1 W/1")
		list("kind=firmware", "W/1")
		list("from=2026-11-22&to=2026-11-23", "P1")
		list("from=2026-11-22T11:30:00%2B07:00&to=2026-11-23", "P1")
		list("limit=1", "P1")
		if status, _, body := s.send(t, http.MethodDelete, "/api/v1/plans/P1?by=hoa", "", "Authorization", "Bearer "+accesstest.Token()); status != 422 || !strings.Contains(string(body), "query.by") {
			t.Errorf("called off under another name: %d %s", status, body)
		}
		for range 2 { // the second changes nothing
			if status, _, body := s.send(t, http.MethodDelete, "/api/v1/plans/P1", "", "X-Operator", "nam"); status != 200 || !strings.Contains(string(body), `"dropped":true`) {
				t.Errorf("%d %s", status, body)
			}
		}
		var p api.Plan
		s.read(t, "/api/v1/plans/P1", &p)
		if !p.Dropped || p.By != "nam" || p.To.Hour() != 5 {
			t.Errorf("got %+v", p)
		}
		if again := put("P1", good); again["dropped"] != false {
			t.Errorf("entered again: %v", again)
		}
	})
}
