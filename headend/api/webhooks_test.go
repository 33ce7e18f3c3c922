package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/api"
)

func TestWebhooksAreEnteredChangedAndDropped(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		enter := func(body string) api.WebhookSecret {
			t.Helper()
			status, _, answer := s.send(t, http.MethodPost, "/api/v1/webhooks", body)
			var w api.WebhookSecret
			if err := json.Unmarshal(answer, &w); status != http.StatusCreated || err != nil {
				t.Fatalf("%d %s", status, answer)
			}
			return w
		}
		first := enter(`{"url":"https://oms.example.com/hook","events":["outage.closed","outage.opened"],"description":"OMS"}`)
		second := enter(`{"url":"https://crm.example.com/","events":["completeness.low"],"enabled":false}`)
		if !strings.HasPrefix(first.Secret, "whsec_") || first.Secret == second.Secret || !first.Enabled || second.Enabled {
			t.Errorf("%+v %+v", first, second)
		}
		if stored, err := s.store.Webhook(t.Context(), first.Number); err != nil || len(stored.Secret) == 0 || bytes.Contains(stored.Secret, []byte(first.Secret)) {
			t.Errorf("as it is stored: %q %v", stored.Secret, err)
		}
		var page api.Page[api.Webhook]
		s.read(t, "/api/v1/webhooks?limit=1", &page)
		if len(page.Items) != 1 || page.Items[0].Number != first.Number || strings.Join(page.Items[0].Events, " ") != "outage.opened outage.closed" || page.Next == "" {
			t.Errorf("first page: %+v", page)
		}
		s.read(t, "/api/v1/webhooks?cursor="+url.QueryEscape(page.Next), &page)
		if len(page.Items) != 1 || page.Items[0].Number != second.Number {
			t.Errorf("second page: %+v", page)
		}
		one := fmt.Sprintf("/api/v1/webhooks/%d", first.Number)
		for _, path := range []string{"/api/v1/webhooks", one, one + "/deliveries"} {
			if _, _, body := s.ask(t, http.MethodGet, path); bytes.Contains(body, []byte("secret")) || bytes.Contains(body, []byte("whsec")) {
				t.Errorf("%s shows a secret: %s", path, body)
			}
		}

		if status, _, body := s.send(t, http.MethodPatch, one, `{"url":"https://oms2.example.com/","events":["outage.changed"],"enabled":false}`); status != http.StatusOK || !bytes.Contains(body, []byte(`"url":"https://oms2.example.com/"`)) ||
			!bytes.Contains(body, []byte(`"enabled":false`)) || !bytes.Contains(body, []byte(`"description":"OMS"`)) {
			t.Errorf("changed: %d %s", status, body)
		}
		var renewed api.WebhookSecret
		if status, _, body := s.send(t, http.MethodPost, one+"/secret", ""); status != http.StatusOK || json.Unmarshal(body, &renewed) != nil || renewed.Secret == first.Secret {
			t.Errorf("another secret: %d %s", status, body)
		}
		stored, err := s.store.Webhook(t.Context(), first.Number)
		if left := time.Until(stored.FormerUntil); err != nil || stored.Former == nil || left < 23*time.Hour || left > 25*time.Hour {
			t.Errorf("the former secret signs until %s: %v", stored.FormerUntil, err)
		}

		status, _, body := s.send(t, http.MethodPost, one+"/ping", "")
		var d api.Delivery
		if err := json.Unmarshal(body, &d); err != nil || status != http.StatusAccepted || d.Event != "ping" || d.State != "waiting" || d.Due == nil {
			t.Fatalf("ping: %d %s", status, body)
		}
		delivery := fmt.Sprintf("%s/deliveries/%d", one, d.Number)
		var detail api.DeliveryDetail
		s.read(t, delivery, &detail)
		if !bytes.Contains(detail.Body, []byte(`"type":"ping"`)) || len(detail.Log) != 0 {
			t.Errorf("%+v", detail)
		}
		if err := s.store.ReportAttempt(t.Context(), headend.Attempt{Delivery: d.Number, At: noon, Status: 503, Latency: 38200 * time.Microsecond, Failure: "it answered 503"}, time.Hour, true); err != nil {
			t.Fatal(err)
		}
		detail = api.DeliveryDetail{}
		s.read(t, delivery, &detail)
		if detail.State != "given_up" || detail.Reason != "it answered 503" || detail.Due != nil || detail.Ended == nil || len(detail.Log) != 1 || detail.Log[0].LatencyMS != 38.2 || detail.Log[0].Status != 503 {
			t.Errorf("given up: %+v", detail)
		}
		if status, _, body := s.send(t, http.MethodPost, delivery+"/redeliver", ""); status != http.StatusAccepted || !bytes.Contains(body, []byte(fmt.Sprintf(`"again":%d`, d.Number))) {
			t.Errorf("once more: %d %s", status, body)
		}
		var deliveries api.Page[api.Delivery]
		s.read(t, one+"/deliveries?state=given_up", &deliveries)
		if len(deliveries.Items) != 1 || deliveries.Items[0].Number != d.Number {
			t.Errorf("%+v", deliveries)
		}

		s.problem(t, http.MethodGet, fmt.Sprintf("/api/v1/webhooks/%d/deliveries/%d", second.Number, d.Number), http.StatusNotFound, "unknown delivery") // of another webhook
		s.problem(t, http.MethodPost, fmt.Sprintf("/api/v1/webhooks/%d/deliveries/%d/redeliver", second.Number, d.Number), http.StatusNotFound, "unknown delivery")
		if status, _, body := s.send(t, http.MethodDelete, one, ""); status != http.StatusNoContent {
			t.Errorf("dropped: %d %s", status, body)
		}
		s.problem(t, http.MethodGet, one, http.StatusNotFound, "unknown webhook")
		s.problem(t, http.MethodDelete, one, http.StatusNotFound, "unknown webhook")
		s.problem(t, http.MethodGet, one+"/deliveries", http.StatusNotFound, "unknown webhook")
		s.problem(t, http.MethodPost, one+"/ping", http.StatusNotFound, "unknown webhook")

		for body, want := range map[string]string{
			`{"url":"http://oms.example.com/","events":["outage.opened"]}`:                           "must be https",
			`{"url":"https://169.254.169.254/latest","events":["outage.opened"]}`:                    "not a public address",
			`{"url":"https://oms.example.com/","events":[]}`:                                         "body.events",
			`{"url":"https://oms.example.com/","events":["outage.exploded"]}`:                        "body.events",
			`{"url":"https://oms.example.com/","events":["ping"]}`:                                   "body.events",
			`{"url":"https://oms.example.com/","events":["outage.opened"],"description":"a\u0000b"}`: "body.description",
			`{"url":"https://oms.example.com/","events":["outage.opened"],"secret":"whsec_mine"}`:    "secret",
			`{"url":"https://` + strings.Repeat("a", 3000) + `/","events":["outage.opened"]}`:        "body.url",
			`{"events":["outage.opened"]}`:                                                           "url",
		} {
			if status, kind, answer := s.send(t, http.MethodPost, "/api/v1/webhooks", body); status != http.StatusUnprocessableEntity || kind != "application/problem+json" || !bytes.Contains(answer, []byte(want)) {
				t.Errorf("%s: %d %s, want %q", body, status, answer, want)
			}
		}
		if status, _, answer := s.send(t, http.MethodPatch, fmt.Sprintf("/api/v1/webhooks/%d", second.Number), `{"url":"https://127.0.0.1/"}`); status != http.StatusUnprocessableEntity {
			t.Errorf("changed to an address inside: %d %s", status, answer)
		}
	})
}
