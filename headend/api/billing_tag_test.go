package api_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"lastgasp/headend/access/accesstest"
	"lastgasp/headend/api"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// What a run hands out never changes: who has it need not fetch it again. It names the revision of the ledger it was made of.
func TestWhoHasARunNeedNotFetchItAgain(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	options, bills := joined(t, store)
	s := serve(t, store, options)
	s.districts(t)
	runs := s.billed(t, bills)
	get := func(path string, known ...string) (int, http.Header, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+fmt.Sprintf("/api/v1/billing/runs/%d", runs.whole.Number)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+accesstest.Token())
		for _, k := range known {
			request.Header.Add("If-None-Match", k)
		}
		answer, err := s.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, answer.Header, string(body)
	}
	if runs.whole.Revision == 0 {
		t.Errorf("%+v names no revision of the ledger", runs.whole)
	}
	seen := map[string]string{}
	for _, path := range []string{"/snapshot", "/export?format=csv", "/export?format=ndjson", "/export?format=iec61968-9"} {
		status, header, body := get(path)
		tag := header.Get("ETag")
		if status != http.StatusOK || len(tag) < 34 || seen[tag] != "" || header.Get("Ledger-Revision") != fmt.Sprint(runs.whole.Revision) || body == "" {
			t.Fatalf("%s: %d %v, tag of %s", path, status, header, seen[tag])
		}
		seen[tag] = path
		for _, known := range [][]string{{tag}, {"W/" + tag}, {`"x", ` + tag}, {`"x"`, tag}, {"*"}} {
			if status, header, body := get(path, known...); status != http.StatusNotModified || body != "" || header.Get("ETag") != tag {
				t.Errorf("%s with %q: %d %v %q", path, known, status, header, body)
			}
		}
		if status, _, again := get(path, `"x"`); status != http.StatusOK || again != body {
			t.Errorf("%s with another tag: %d, the same bytes: %v", path, status, again == body)
		}
	}
	if _, header, _ := get(fmt.Sprintf("/changes?since=%d", runs.whole.Number)); header.Get("Ledger-Revision") == "" || header.Get("Since-Ledger-Revision") == "" {
		t.Errorf("changes: %v", header)
	}
}

func TestTextIsFoundWithoutItsMarks(t *testing.T) {
	s := serve(t, storetest.Open(t, timeseries.Postgres), api.Options{})
	for text, want := range map[string]string{"Đống Đa, HÀ NỘI": "dong da, ha noi", "Thừa Thiên Huế": "thua thien hue", "Nguyễn Ượng Ỹ ỵ ẳ ặ": "nguyen uong y y a a", "đường Võ Thị Sáu": "duong vo thi sau", "Müller 12%_": "muller 12%_"} {
		if got, err := s.store.Scalar(t.Context(), "SELECT folded($1)", text); got != want || err != nil {
			t.Errorf("%s is looked for as %q, want %q (%v)", text, got, want, err)
		}
	}
	s.load(t, "D1,Đống Đa,district,,2020-01-01,\n", "T1,Trạm Ô Chợ Dừa,transformer,,D1,,2020-01-01,\n", "U1,Đỗ Thị Hạnh,Ngõ Thịnh Hào,T1,D1,,2020-01-01,\nU2,Do Van An,,T1,D1,,2020-01-01,\n", "")
	for query, want := range map[string]int{"usage-points?q=do": 2, "usage-points?q=%C4%91%E1%BB%97": 2, "usage-points?q=HANH": 1, "usage-points?q=thinh+hao": 1, "usage-points?q=xyz": 0, "nodes?q=o+cho+dua": 1} {
		var page api.Page[struct{ ID string }]
		if s.read(t, "/api/v1/"+query, &page); len(page.Items) != want {
			t.Errorf("%s: %+v, want %d", query, page.Items, want)
		}
	}
}
