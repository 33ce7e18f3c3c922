package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/headend/webhook"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

var noon = time.Date(2026, 11, 20, 5, 0, 0, 0, time.UTC)

// The vector of the specification of Standard Webhooks, which others made.
func TestSignaturesAreThoseOfTheStandard(t *testing.T) {
	got, err := webhook.Sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want || err != nil {
		t.Errorf("got %s %v, want %s", got, err, want)
	}
}

func TestASecretOpensForItsAddressAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "key")
	key := webhook.NewKeyFile(path)
	if _, err := key.Open(make([]byte, 60), "a"); err == nil {
		t.Error("there is no key, and it opened")
	}
	sealed, err := key.Seal([]byte("whsec_x"), "a")
	if err != nil || strings.Contains(string(sealed), "whsec_x") {
		t.Fatalf("%q %v", sealed, err)
	}
	again := webhook.NewKeyFile(path)
	if got, err := again.Open(sealed, "a"); string(got) != "whsec_x" || err != nil {
		t.Errorf("with the same file: %q, %v", got, err)
	}
	for what, open := range map[string]func() ([]byte, error){
		"another address": func() ([]byte, error) { return again.Open(sealed, "b") },
		"too short":       func() ([]byte, error) { return again.Open(sealed[:5], "a") },
		"another key": func() ([]byte, error) {
			other := webhook.NewKeyFile(filepath.Join(t.TempDir(), "key"))
			if _, err := other.Seal(nil, ""); err != nil {
				t.Fatal(err)
			}
			return other.Open(sealed, "a")
		},
	} {
		if got, err := open(); err == nil {
			t.Errorf("%s: opened as %q", what, got)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v %v", info, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := webhook.NewKeyFile(path).Open(sealed, "a"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others may read: %v", err)
	}
}

// world is a store with a grid, and a head-end's sender on it.
type world struct {
	t      *testing.T
	store  *timeseries.Store
	rules  webhook.Rules
	record func(...headend.Outage)
}

func newWorld(t *testing.T, store *timeseries.Store) *world {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- store.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	format, o := importer.Format{Zone: time.UTC}, timeseries.ImportOptions{}
	for _, load := range []func() (headend.Imported, error){
		func() (headend.Imported, error) {
			return store.ImportOrganisations(ctx, importer.Organisations(strings.NewReader("id,name,kind,parent,from,to\nD1,Tam Kỳ,district,,2020-01-01,\n"), format), o)
		},
		func() (headend.Imported, error) {
			return store.ImportNodes(ctx, importer.Nodes(strings.NewReader("id,name,kind,parent,organisation,rated_kva,from,to\nT1,Trạm 1,substation,,D1,400,2020-01-01,\n"), format), o)
		},
	} {
		if r, err := load(); err != nil || len(r.Refused) > 0 {
			t.Fatalf("%+v %v", r, err)
		}
	}
	guard, err := webhook.NewGuard([]string{"127.0.0.1", "::1"}, true)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: store, rules: webhook.Rules{Guard: guard, Key: webhook.NewKeyFile(filepath.Join(t.TempDir(), "key"))}}
	epoch, _, release, err := store.Lease(ctx, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	w.record = func(outages ...headend.Outage) {
		t.Helper()
		if _, err := store.Record(ctx, epoch, headend.Detection{Outages: outages}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// send runs a sender until the test ends, or stop is called.
func (w *world) send(o webhook.Options) (stop func()) {
	w.t.Helper()
	o.Key = w.rules.Key
	if o.Guard.Allow == nil && !o.Guard.Insecure {
		o.Guard = w.rules.Guard
	}
	if o.First == 0 {
		o.First = 2 * time.Millisecond
	}
	sender, err := webhook.New(w.store, o)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sender.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// add enters a webhook and returns it with its secret.
func (w *world) add(url string, events ...headend.WebhookEvent) (headend.Webhook, string) {
	w.t.Helper()
	shown, sealed, err := w.rules.Secret(url)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(events) == 0 {
		events = headend.WebhookEvents()
	}
	added, err := w.store.AddWebhook(context.Background(), headend.Webhook{URL: url, Events: events, Enabled: true, Secret: sealed})
	if err != nil {
		w.t.Fatal(err)
	}
	return added, shown
}

// settled waits until so many deliveries of a webhook have come to a state, and returns all of it, oldest first.
func (w *world) settled(hook int64, state headend.DeliveryState, n int) []headend.Delivery {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		found, err := w.store.Deliveries(ctx, hook, "", 1<<60, 1000)
		if err != nil {
			w.t.Fatal(err)
		}
		in := 0
		for i := range found {
			if found[i].State == state {
				in++
			}
		}
		if in >= n {
			slices.Reverse(found)
			return found
		}
		select {
		case <-ctx.Done():
			w.t.Fatalf("waited in vain for %d deliveries %s: %+v", n, state, found)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (w *world) log(hook, number int64) []headend.Attempt {
	w.t.Helper()
	d, err := w.store.Delivery(context.Background(), hook, number)
	if err != nil {
		w.t.Fatal(err)
	}
	return d.Log
}

func outage(number int64, state headend.OutageState, out int) headend.Outage {
	return headend.Outage{Number: number, State: state, Node: "T1", Start: noon, Customers: 5, Out: out, Seen: 1, Summary: "a gasp", Odds: 3}
}

// request is one that has come in.
type request struct {
	id, timestamp, signature string
	body                     []byte
	event                    string
	outage                   webhook.Outage
}

// receiver is another system: it keeps what comes, and answers as answer says.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []request
	answer func(n int, r request) int // status of the n-th request; nil: 204
}

func receive(t *testing.T, answer func(n int, r request) int) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body)
		var envelope struct {
			Type string
			Data webhook.Outage
		}
		if err != nil || json.Unmarshal(body, &envelope) != nil || in.Method != http.MethodPost || in.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %s %v", in.Method, in.Header, body, err)
		}
		q := request{in.Header.Get("Webhook-Id"), in.Header.Get("Webhook-Timestamp"), in.Header.Get("Webhook-Signature"), body, envelope.Type, envelope.Data}
		r.mu.Lock()
		r.got = append(r.got, q)
		n := len(r.got)
		r.mu.Unlock()
		status := http.StatusNoContent
		if r.answer != nil {
			status = r.answer(n, q)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) requests() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) events() string {
	var words []string
	for _, q := range r.requests() {
		words = append(words, fmt.Sprintf("%d:%s:%s", q.outage.Number, q.event, q.outage.State))
	}
	return strings.Join(words, " ")
}

// passOver has the outbox go past what is in the ledger, as a head-end has done long before somebody adds a webhook.
func (w *world) passOver() {
	w.t.Helper()
	for more := true; more; {
		var err error
		more, err = w.store.FillOutbox(w.t.Context(), func(number int64) string { return fmt.Sprint("outage ", number) },
			func([]headend.Outage, map[string]headend.Told) ([]headend.News, error) { return nil, nil })
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestAnOutageIsToldFromItsBeginningToItsEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		w := newWorld(t, store)
		w.record(outage(9, headend.OutageConfirmed, 5)) // before anybody wanted to know
		w.passOver()
		w.send(webhook.Options{})
		all, ends := receive(t, nil), receive(t, nil)
		hook, secret := w.add(all.URL)
		closing, _ := w.add(ends.URL, headend.OutageOver)
		w.record(outage(1, headend.OutageSuspected, 1))
		w.settled(hook.Number, headend.DeliveryDelivered, 1)
		same := outage(1, headend.OutageSuspected, 1)
		same.Seen, same.Summary = 2, "two gasps" // no news
		w.record(same)
		w.record(outage(1, headend.OutageConfirmed, 5))
		w.settled(hook.Number, headend.DeliveryDelivered, 2)
		never := outage(2, headend.OutageWithdrawn, 0) // nobody was told of it
		late := outage(3, headend.OutageClosed, 0)     // only its log told of it
		w.record(outage(1, headend.OutageClosed, 0), never, late)
		w.settled(hook.Number, headend.DeliveryDelivered, 4)
		decided := outage(1, headend.OutageClosed, 0)
		decided.Cause = "tree"
		w.record(decided)
		w.settled(hook.Number, headend.DeliveryDelivered, 5)
		w.record(outage(1, headend.OutageConfirmed, 2)) // late truth: it was not over
		deliveries := w.settled(hook.Number, headend.DeliveryDelivered, 6)

		if got, want := all.events(), "1:outage.opened:suspected 1:outage.changed:confirmed 1:outage.closed:closed 3:outage.closed:closed 1:outage.changed:closed 1:outage.opened:confirmed"; got != want &&
			got != strings.Replace(want, "1:outage.closed:closed 3:outage.closed:closed", "3:outage.closed:closed 1:outage.closed:closed", 1) { // of two outages either may go first
			t.Errorf("told:\n%s, want\n%s", got, want)
		}
		w.settled(closing.Number, headend.DeliveryDelivered, 2)
		if got := ends.requests(); len(got) != 2 || got[0].event != "outage.closed" || got[1].event != "outage.closed" {
			t.Errorf("who wanted ends alone was told %s", ends.events())
		}
		for i, q := range all.requests() {
			seconds, err := strconv.ParseInt(q.timestamp, 10, 64)
			want, signErr := webhook.Sign(secret, q.id, time.Unix(seconds, 0), q.body)
			if age := time.Since(time.Unix(seconds, 0)); err != nil || signErr != nil || q.signature != want || age > time.Hour || age < -time.Minute {
				t.Errorf("request %d: signature %s of %s, want %s (%v %v)", i, q.signature, q.timestamp, want, err, signErr)
			}
		}
		if d := deliveries[0]; d.Attempts != 1 || d.Ended.IsZero() || d.Reason != "" || d.Subject != "outage 1" {
			t.Errorf("the first delivery: %+v", d)
		}
		if log := w.log(hook.Number, deliveries[0].Number); len(log) != 1 || log[0].Status != http.StatusNoContent || log[0].Latency <= 0 || log[0].Failure != "" {
			t.Errorf("its attempts: %+v", log)
		}
	})
}

func TestWhatFailsIsTriedAgainInOrderAndGivenUp(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	w := newWorld(t, store)
	broken := true
	var mu sync.Mutex
	r := receive(t, func(n int, q request) int {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case q.outage.Number == 1 && q.event == "outage.opened" && n <= 2:
			return http.StatusInternalServerError
		case q.outage.Number == 2 && broken:
			return http.StatusBadGateway
		}
		return http.StatusOK
	})
	hook, _ := w.add(r.URL)
	w.record(outage(1, headend.OutageConfirmed, 5))
	stop := w.send(webhook.Options{Attempts: 4})
	w.settled(hook.Number, headend.DeliveryDelivered, 1)
	w.record(outage(1, headend.OutageClosed, 0), outage(2, headend.OutageConfirmed, 5))
	w.settled(hook.Number, headend.DeliveryGivenUp, 1)
	all := w.settled(hook.Number, headend.DeliveryDelivered, 2)
	if got := r.events(); !strings.HasPrefix(got, "1:outage.opened:confirmed 1:outage.opened:confirmed 1:outage.opened:confirmed ") || !strings.Contains(got, "1:outage.closed:closed") {
		t.Errorf("came: %s", got)
	}
	first := r.requests()[:3]
	if first[0].id != first[2].id || string(first[0].body) != string(first[2].body) {
		t.Errorf("two attempts differ: %s %s, %s %s", first[0].id, first[0].body, first[2].id, first[2].body)
	}
	var lost headend.Delivery
	for _, d := range all {
		if d.State == headend.DeliveryGivenUp {
			lost = d
		}
	}
	if log := w.log(hook.Number, lost.Number); lost.Attempts != 4 || lost.Reason != "it answered 502" || len(log) != 4 || log[3].Status != 502 || log[3].Number != 4 {
		t.Errorf("given up: %+v %+v", lost, log)
	}
	if h, err := store.Webhook(t.Context(), hook.Number); err != nil || h.GaveUp != 1 || h.Waiting != 0 || h.Delivered.IsZero() {
		t.Errorf("the webhook: %+v %v", h, err)
	}
	mu.Lock()
	broken = false
	mu.Unlock()
	again, err := store.Redeliver(t.Context(), hook.Number, lost.Number)
	if err != nil || again.Again != lost.Number || again.Message != lost.Message || again.State != headend.DeliveryWaiting {
		t.Fatalf("%+v %v", again, err)
	}
	w.settled(hook.Number, headend.DeliveryDelivered, 3)
	last := r.requests()
	if q := last[len(last)-1]; q.id != lost.Message || string(q.body) != string(lost.Body) {
		t.Errorf("by hand came %s %s", q.id, q.body)
	}
	stop()
	if err := store.DropDeliveries(t.Context(), time.Now().Add(time.Hour), time.Now()); err != nil {
		t.Fatal(err)
	}
	if left, err := store.Deliveries(t.Context(), hook.Number, "", 1<<60, 10); err != nil || len(left) != 0 {
		t.Errorf("kept for longer than asked: %+v %v", left, err)
	}
}

func TestOneThatIsDeadKeepsNobodyBack(t *testing.T) {
	w := newWorld(t, storetest.Open(t, timeseries.Postgres))
	hang := make(chan struct{})
	dead := receive(t, func(int, request) int { <-hang; return http.StatusOK })
	defer close(hang)
	alive := receive(t, nil)
	slow, _ := w.add(dead.URL)
	quick, _ := w.add(alive.URL)
	w.send(webhook.Options{Workers: 4, Timeout: 2 * time.Second, Attempts: 1})
	var many []headend.Outage
	for n := range int64(40) {
		many = append(many, outage(n+1, headend.OutageConfirmed, 5))
	}
	w.record(many...)
	w.settled(quick.Number, headend.DeliveryDelivered, 40)
	if h, err := w.store.Webhook(t.Context(), slow.Number); err != nil || h.Waiting < 30 {
		t.Errorf("the dead one was through before: %+v %v", h, err)
	}
	failed := w.settled(slow.Number, headend.DeliveryGivenUp, 1)
	if failed[0].Reason != "no answer within 2s" {
		t.Errorf("the reason is %q", failed[0].Reason)
	}
}

// Two head-ends on one database, one of which dies with deliveries in its hands.
func TestOfSeveralHeadEndsOneDelivers(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	w := newWorld(t, store)
	r := receive(t, nil)
	hook, _ := w.add(r.URL)
	w.record(outage(1000, headend.OutageConfirmed, 5))
	if more, err := store.FillOutbox(t.Context(), func(n int64) string { return fmt.Sprint("outage ", n) }, func(o []headend.Outage, told map[string]headend.Told) ([]headend.News, error) {
		return []headend.News{{Event: headend.OutageOpened, Message: "m", Subject: "outage 1000", Body: []byte(`{"type":"outage.opened"}`), Told: headend.Told{Face: "x"}}}, nil
	}); more || err != nil {
		t.Fatal(more, err)
	}
	taken, _, err := store.TakeParcels(t.Context(), nil, 5, 5, 300*time.Millisecond) // and dies
	if err != nil || len(taken) != 1 {
		t.Fatal(taken, err)
	}
	if again, _, err := store.TakeParcels(t.Context(), nil, 5, 5, time.Minute); err != nil || len(again) != 0 {
		t.Errorf("taken twice: %+v %v", again, err)
	}
	w.send(webhook.Options{})
	w.send(webhook.Options{})
	for n := range int64(60) {
		w.record(outage(n+1, headend.OutageConfirmed, 5), outage(n+101, headend.OutageConfirmed, 5))
	}
	w.settled(hook.Number, headend.DeliveryDelivered, 121)
	seen := map[string]int{}
	for _, q := range r.requests() {
		seen[q.id]++
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
	if len(seen) != 121 {
		t.Errorf("%d events came, want 121", len(seen))
	}
}

// closedPort is an address where nobody listens, and counts who would have come.
func counting(t *testing.T, address string) (url string, connections func() int) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	n := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			n++
			mu.Unlock()
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "http://" + l.Addr().String(), func() int { mu.Lock(); defer mu.Unlock(); return n }
}
