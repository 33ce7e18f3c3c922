package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lastgasp/headend/access/accesstest"
	"lastgasp/headend/api"
	"lastgasp/headend/reliability/books"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestReliabilityOverHTTP(t *testing.T) {
	environment := ownDatabase(t)
	inEmptyDir(t)
	reportedDistrict(t, environment, 1000)
	store := storetest.OpenURL(t, strings.TrimPrefix(environment[0], "DATABASE_URL="), timeseries.Options{})
	office, err := books.New(store, books.Options{})
	if err != nil {
		t.Fatal(err)
	}
	web, err := api.New(api.Options{Access: accesstest.Doors(t, store), Listen: "127.0.0.1:0", Store: store, Books: bookAnswers{office}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(web.Handler())
	defer server.Close()
	ask := func(method, path, body string, status int) map[string]any {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+accesstest.Token())
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]any
		if err := json.Unmarshal(text, &out); err != nil || answer.StatusCode != status {
			t.Fatalf("%s %s: %s %s %v", method, path, answer.Status, text, err)
		}
		return out
	}
	figures := func() string {
		t.Helper()
		got := ask("GET", "/api/v1/reliability?from=2026-01&to=2026-02&policy=ieee1366&customers=true", "", 200)
		if len(got["rows"].([]any)) != 4 {
			t.Fatal(got)
		}
		text, err := json.Marshal(got["rows"].([]any)[0].(map[string]any)["statement"].(map[string]any)["all"])
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	before := figures()
	if err := office.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := figures(); after != before || !strings.Contains(after, `"saifi":0.`) {
		t.Errorf("%s\n%s", before, after)
	}
	ask("GET", "/api/v1/service-indicators?from=2026-01&to=2026-02", "", 200)
	ask("GET", "/api/v1/service-indicators?from=2026-01-05&to=2026-02", "", 422)
	ask("GET", "/api/v1/reliability?from=2026-02&to=2026-02", "", 422)
	ask("GET", "/api/v1/reliability?from=2026-01&to=2026-02&unit=gone", "", 404)
	ask("GET", "/api/v1/reliability?from=2026-01&to=2026-02&by=feeder&unit=EVN", "", 422)
	ask("GET", "/api/v1/reliability?from=2026-01&to=2026-02&revision=9", "", 422)
	if p := ask("POST", "/api/v1/periods", `{"organisation":"PC","month":"2026-01","by":"test"}`, 201); p["number"] != 1.0 || p["figures"] == nil {
		t.Error(p)
	}
	ask("POST", "/api/v1/periods", `{"organisation":"PC","month":"2026-01","by":"test"}`, 422)
	if got := ask("GET", "/api/v1/periods?organisation=PC", "", 200); len(got["items"].([]any)) != 1 {
		t.Error(got)
	}
	if p := ask("GET", "/api/v1/periods/PC/2026-01/1", "", 200); p["figures"] == nil {
		t.Error(p)
	}
	ask("GET", "/api/v1/periods/PC/2026-01/2", "", 404)
	ask("GET", "/api/v1/openapi.json", "", 200)
}
