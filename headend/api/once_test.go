package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"lastgasp/headend/api"
	"lastgasp/headend/webhook"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// keyed sends a request with a key and returns status, whether it was answered before, and the body.
func (s *server) keyed(t *testing.T, method, path, body, key string, headers ...string) (int, bool, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	request.Header.Set("Authorization", "Bearer "+s.tokenFor(t, request, body, headers))
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := s.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var found bytes.Buffer
	if _, err := found.ReadFrom(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Idempotency-Replayed") == "true", found.String()
}

func TestARequestWithAKeyIsCarriedOutOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		keyFile := filepath.Join(t.TempDir(), "key")
		s := serve(t, store, api.Options{Sealer: webhook.NewKeyFile(keyFile)})
		const body = `{"url":"https://oms.example.com/","events":["outage.opened"]}`
		status, again, first := s.keyed(t, http.MethodPost, "/api/v1/webhooks", body, "k1")
		if status != http.StatusCreated || again {
			t.Fatalf("%d %v %s", status, again, first)
		}
		s = serve(t, store, api.Options{Sealer: webhook.NewKeyFile(keyFile)}) // a restart, or another head-end
		status, again, second := s.keyed(t, http.MethodPost, "/api/v1/webhooks", body, "k1")
		if status != http.StatusCreated || !again || second != first || !strings.Contains(second, "whsec_") {
			t.Errorf("sent again: %d %v %s, want %s", status, again, second, first)
		}
		for what, c := range map[string]struct {
			method, path, body, key string
			status                  int
			word                    string
		}{
			"another body":    {http.MethodPost, "/api/v1/webhooks", strings.Replace(body, "oms", "crm", 1), "k1", 422, "another request"},
			"another path":    {http.MethodPost, "/api/v1/webhooks/1/ping", "", "k1", 422, "another request"},
			"another method":  {http.MethodDelete, "/api/v1/webhooks/1", "", "k1", 422, "another request"},
			"blanks":          {http.MethodPost, "/api/v1/webhooks", body, "a key", 422, "Idempotency-Key"},
			"a very long key": {http.MethodPost, "/api/v1/webhooks", body, strings.Repeat("k", 129), 422, "Idempotency-Key"},
			"a huge body":     {http.MethodPost, "/api/v1/webhooks", `{"url":"` + strings.Repeat("a", 100_000) + `"}`, "k2", 413, "too large"},
		} {
			if status, again, answer := s.keyed(t, c.method, c.path, c.body, c.key); status != c.status || again || !strings.Contains(answer, c.word) {
				t.Errorf("%s: %d %v %s", what, status, again, answer)
			}
		}
		if status, again, _ := s.keyed(t, http.MethodPost, "/api/v1/webhooks", body, "k1", "X-Operator", "somebody else"); status != http.StatusCreated || again {
			t.Errorf("somebody else with the same key: %d %v", status, again)
		}
		// What is refused is remembered too; without a body as well.
		for _, want := range []bool{false, true} {
			if status, again, answer := s.keyed(t, http.MethodPost, "/api/v1/webhooks/99/ping", "", "k3"); status != http.StatusNotFound || again != want || !strings.Contains(answer, "unknown webhook") {
				t.Errorf("refused, replayed %v: %d %v %s", want, status, again, answer)
			}
		}
		if got, err := store.Scalar(t.Context(), "SELECT count(*)::text FROM webhook"); got != "2" || err != nil {
			t.Errorf("%s webhooks were made, %v", got, err)
		}
		if got, err := store.Scalar(t.Context(), "SELECT string_agg(encode(answer, 'escape'), '') FROM request_once"); err != nil || strings.Contains(got, "whsec_") {
			t.Errorf("a secret is readable in the database: %s %v", got, err)
		}
		// Many at once: one carries it out, the others are told to wait or get its answer.
		var wait sync.WaitGroup
		var mu sync.Mutex
		answers := map[string]int{}
		for range 8 {
			wait.Go(func() {
				status, again, _ := s.keyed(t, http.MethodPost, "/api/v1/webhooks/1/ping", "", "k4")
				mu.Lock()
				defer mu.Unlock()
				answers[fmt.Sprint(status, again)]++
			})
		}
		wait.Wait()
		if answers["202 false"] != 1 || answers["202 false"]+answers["202 true"]+answers["409 false"] != 8 {
			t.Errorf("answers: %v", answers)
		}
		if got, err := store.Scalar(t.Context(), "SELECT count(*)::text FROM webhook_delivery"); got != "1" || err != nil {
			t.Errorf("%s pings were written down, %v", got, err)
		}
		// A head-end that died in the middle: after a while the request is carried out again, but only the same one.
		if _, err := store.Scalar(t.Context(), "WITH x AS (UPDATE request_once SET status = NULL, begun = now() - interval '1 hour' WHERE key = 'k4' RETURNING 1) SELECT count(*)::text FROM x"); err != nil {
			t.Fatal(err)
		}
		if status, again, answer := s.keyed(t, http.MethodPost, "/api/v1/webhooks/2/ping", "", "k4"); status != http.StatusUnprocessableEntity {
			t.Errorf("another request under the key of one that died: %d %v %s", status, again, answer)
		}
		if status, again, answer := s.keyed(t, http.MethodPost, "/api/v1/webhooks/1/ping", "", "k4"); status != http.StatusAccepted || again {
			t.Errorf("one that died: %d %v %s", status, again, answer)
		}
		// Expired: it is a new request.
		if _, err := store.Scalar(t.Context(), "WITH x AS (UPDATE request_once SET expires = now() - interval '1 hour' WHERE key = 'k1' RETURNING 1) SELECT count(*)::text FROM x"); err != nil {
			t.Fatal(err)
		}
		if status, again, answer := s.keyed(t, http.MethodPost, "/api/v1/webhooks", strings.Replace(body, "oms", "crm", 1), "k1"); status != http.StatusCreated || again {
			t.Errorf("a day later: %d %v %s", status, again, answer)
		}
		// Without a key, or where nothing is changed, nothing is remembered.
		for range 2 {
			if status, again, answer := s.keyed(t, http.MethodGet, "/api/v1/webhooks", "", "k9"); status != http.StatusOK || again {
				t.Errorf("a question: %d %v %s", status, again, answer)
			}
		}
	})
}

func TestAnAnswerThatCannotBeSealedIsNotGiven(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	s := serve(t, store, api.Options{Sealer: webhook.NewKeyFile("/proc/no/such/folder/key")})
	status, _, answer := s.keyed(t, http.MethodPost, "/api/v1/webhooks", `{"url":"https://oms.example.com/","events":["outage.opened"]}`, "k1")
	var p struct{ Status int }
	if err := json.Unmarshal([]byte(answer), &p); status != http.StatusInternalServerError || p.Status != status || err != nil {
		t.Errorf("%d %s", status, answer)
	}
	if got, err := store.Scalar(t.Context(), "SELECT (SELECT count(*) FROM webhook) || ' ' || (SELECT count(*) FROM request_once)"); got != "0 0" || err != nil {
		t.Errorf("it was carried out: %s %v", got, err)
	}
}
