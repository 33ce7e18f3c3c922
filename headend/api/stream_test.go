package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lastgasp/headend"
	"lastgasp/headend/access/accesstest"
	"lastgasp/headend/api"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// streaming is an API with a stream in front of a store that passes on what is told.
type streaming struct {
	*server
	api    *api.API
	asked  *counting
	record func([]headend.Outage, ...headend.LedgerRow) int64
}

type counting struct {
	*timeseries.Store
	outages atomic.Int64
}

// Outages counts, and asks.
func (c *counting) Outages(ctx context.Context, f headend.OutageFilter, after *headend.Outage, limit int) ([]headend.Outage, error) {
	c.outages.Add(1)
	return c.Store.Outages(ctx, f, after, limit)
}

func stream(t *testing.T, wrap func(http.Handler) http.Handler) *streaming {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t, goleak.IgnoreCurrent()) })
	store := storetest.Open(t, timeseries.Postgres)
	s := &streaming{asked: &counting{Store: store}, server: &server{store: store}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	var err error
	if s.api, err = api.New(api.Options{Access: accesstest.Doors(t, store), Store: store, Outages: s.asked}); err != nil {
		t.Fatal(err)
	}
	s.grid(t)
	handler := s.api.Handler()
	if wrap != nil {
		handler = wrap(handler)
	}
	s.Server = httptest.NewServer(handler)
	t.Cleanup(s.Close)
	s.record = s.ledger(t)
	return s
}

// heard is an event of a stream.
type heard struct {
	kind, id, data string
	comment        bool
}

// listener follows a stream over a connection of its own.
type listener struct {
	t      *testing.T
	cancel context.CancelFunc
	events chan heard // closed when the stream ends
}

func (s *streaming) listen(t *testing.T, path string, headers ...string) *listener {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	request.Header.Set("Authorization", "Bearer "+accesstest.Token())
	transport := &http.Transport{}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s %s", answer.Status, answer.Header)
	}
	l := &listener{t: t, cancel: cancel, events: make(chan heard)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(l.events)
		defer answer.Body.Close()
		lines := bufio.NewScanner(answer.Body)
		lines.Buffer(nil, 1<<20)
		for e := (heard{}); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ":")
			value = strings.TrimPrefix(value, " ")
			switch {
			case lines.Text() == "":
				select {
				case l.events <- e:
				case <-ctx.Done():
					return
				}
				e = heard{}
			case name == "":
				e.comment = true
			case name == "event":
				e.kind = value
			case name == "id":
				e.id = value
			case name == "data":
				e.data += value
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		transport.CloseIdleConnections()
	})
	return l
}

// next is what comes next, comments apart.
func (l *listener) next() heard {
	l.t.Helper()
	late := time.After(patience)
	for {
		select {
		case e, ok := <-l.events:
			if !ok {
				l.t.Fatal("the stream has ended")
			}
			if !e.comment {
				return e
			}
		case <-late:
			l.t.Fatal("nothing comes")
		}
	}
}

func (l *listener) outage() (o api.Outage, id string) {
	l.t.Helper()
	e := l.next()
	if err := json.Unmarshal([]byte(e.data), &o); err != nil || e.kind != "outage" {
		l.t.Fatalf("%+v: %v", e, err)
	}
	return o, e.id
}

func TestTheStreamTellsOfEachOutageThatChanges(t *testing.T) {
	s := stream(t, nil)
	before := s.record([]headend.Outage{transformerOut(1)})
	l := s.listen(t, "/api/v1/stream")
	if e := l.next(); e.kind != "" || e.id != strconv.FormatInt(before, 10) {
		t.Fatalf("it begins with %+v, want revision %d", e, before)
	}
	again := transformerOut(1)
	again.Out, again.Customers = 1, 3
	revision := s.record([]headend.Outage{again})
	o, id := l.outage()
	var page api.Page[api.Outage]
	s.read(t, "/api/v1/outages", &page)
	want, err := json.Marshal(page.Items[0])
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) || id != strconv.FormatInt(revision, 10) || o.Out != 1 || o.Name != "Trạm 1" {
		t.Errorf("told %s as %s, the list has %s", got, id, want)
	}
	gone := transformerOut(1)
	gone.State, gone.Reason = headend.OutageWithdrawn, "its log denies it"
	s.record([]headend.Outage{gone})
	if o, _ := l.outage(); o.State != "withdrawn" {
		t.Errorf("told %+v", o)
	}
	// Whoever was there before gets what came since; a revision that never was means that all has to be listed again.
	if o, _ := s.listen(t, fmt.Sprintf("/api/v1/stream?after=%d", before)).outage(); o.State != "withdrawn" {
		t.Errorf("told %+v", o)
	}
	if e := s.listen(t, "/api/v1/stream", "Last-Event-ID", "999").next(); e.kind != "reset" || e.id != strconv.FormatInt(revision+1, 10) {
		t.Errorf("got %+v", e)
	}
	for path, words := range map[string]string{"?after=soon": "query.after", "?after=-1": "query.after", "?since=3": "query.since"} {
		s.problem(t, http.MethodGet, "/api/v1/stream"+path, http.StatusUnprocessableEntity, words)
	}
	if status, _, _ := s.ask(t, http.MethodHead, "/api/v1/stream"); status != http.StatusOK {
		t.Errorf("HEAD: %d", status)
	}
}

// A client that is cut off at any event and comes back with the last id it got misses nothing.
func TestAReconnectLosesNone(t *testing.T) {
	s := stream(t, nil)
	const revisions, each = 15, 5
	begin, err := s.store.LedgerRevision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		for r := range revisions {
			var outages []headend.Outage
			for i := range each {
				outages = append(outages, transformerOut(int64(r*each+i+1)))
			}
			s.record(outages)
		}
	})
	defer writing.Wait()
	seen := map[int64]bool{}
	last := strconv.FormatInt(begin, 10)
	for connection := 0; len(seen) < revisions*each; connection++ {
		l := s.listen(t, "/api/v1/stream", "Last-Event-ID", last)
		for range connection%7 + 1 { // ends within a revision too
			e := l.next()
			if e.id != "" {
				last = e.id
			}
			if e.kind == "" {
				break // the last revision: nothing is left
			}
			var o api.Outage
			if err := json.Unmarshal([]byte(e.data), &o); err != nil {
				t.Fatalf("%+v: %v", e, err)
			}
			if seen[o.Number] = true; len(seen) == revisions*each {
				break
			}
		}
		l.cancel()
		if at, err := strconv.ParseInt(last, 10, 64); err != nil || at == begin+revisions {
			break
		}
	}
	if len(seen) != revisions*each {
		t.Errorf("%d of %d outages were told", len(seen), revisions*each)
	}
}

func TestManyClientsShareOneQuestion(t *testing.T) {
	s := stream(t, nil)
	const clients = 40
	var all []*listener
	for range clients {
		all = append(all, s.listen(t, "/api/v1/stream"))
	}
	for _, l := range all {
		l.next()
	}
	before := s.asked.outages.Load()
	const changes = 3
	for i := range changes {
		o := transformerOut(1)
		o.Out = i
		s.record([]headend.Outage{o})
		for _, l := range all {
			if o, _ := l.outage(); o.Out != i {
				t.Fatalf("told %+v, want %d", o, i)
			}
		}
	}
	if asked := s.asked.outages.Load() - before; asked < changes || asked > 2*changes {
		t.Errorf("%d questions for %d changes and %d clients", asked, changes, clients)
	}
}

// In a storm the same outages change again and again: who follows is told where they have come to, not each step.
func TestAStormIsToldTogether(t *testing.T) {
	s := stream(t, nil)
	l := s.listen(t, "/api/v1/stream")
	l.next()
	const steps = 60
	for i := range steps {
		o := transformerOut(1)
		o.Out = i + 1
		s.record([]headend.Outage{o})
	}
	told := 0
	for out := 0; out < steps; told++ {
		o, _ := l.outage()
		if o.Out <= out {
			t.Fatalf("%d customers out after %d", o.Out, out)
		}
		out = o.Out
	}
	if told > steps/2 {
		t.Errorf("%d events for %d changes", told, steps)
	}
}

func TestAClientThatDoesNotReadIsCutOff(t *testing.T) {
	ended := make(chan struct{})
	s := stream(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			if r.Header.Get("X-Slow") != "" {
				close(ended)
			}
		})
	})
	s.api.Hurry(time.Minute, 2*time.Second)
	var outages []headend.Outage
	for i := range 4000 { // 16 MB, more than the kernel takes for a connection
		o := transformerOut(int64(i + 1))
		o.Summary = strings.Repeat("x", 4000)
		outages = append(outages, o)
	}
	s.record(outages)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, "GET /api/v1/stream?after=0 HTTP/1.1\r\nHost: localhost\r\nX-Slow: yes\r\nAuthorization: Bearer "+accesstest.Token()+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	other := s.listen(t, "/api/v1/stream?after=0")
	for range outages { // is not held up
		other.outage()
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("who reads nothing is not cut off")
	}
	if n := s.api.Following(); n != 1 {
		t.Errorf("%d follow, want the one that reads", n)
	}
	s.record([]headend.Outage{transformerOut(1)})
	if o, _ := other.outage(); o.Number != 1 {
		t.Errorf("told %+v", o)
	}
}

func TestWhoIsTooFarBehindIsToldToListAgain(t *testing.T) {
	s := stream(t, nil)
	l := s.listen(t, "/api/v1/stream")
	l.next()
	many := make([]headend.Outage, api.MostRemembered+1)
	for i := range many {
		many[i] = transformerOut(int64(i + 1))
	}
	first := s.record(many)
	if e := l.next(); e.kind != "reset" || e.id != strconv.FormatInt(first, 10) || e.data != fmt.Sprintf(`{"revision":%d}`, first) {
		t.Fatalf("got %+v", e)
	}
	if e := s.listen(t, "/api/v1/stream?after=0").next(); e.kind != "reset" || e.id != strconv.FormatInt(first, 10) {
		t.Errorf("got %+v", e)
	}
	s.record([]headend.Outage{transformerOut(7)})
	if o, _ := l.outage(); o.Number != 7 { // and it goes on
		t.Errorf("told %+v", o)
	}
}

func TestTheStreamBreathesAndEndsWithTheServer(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	a, err := api.New(api.Options{Access: accesstest.Doors(t, store), Listen: "127.0.0.1:0", Store: store, Outages: store})
	if err != nil {
		t.Fatal(err)
	}
	a.Hurry(10*time.Millisecond, time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	<-a.Started()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.Address()+"/api/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+accesstest.Token())
	answer, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body := bufio.NewReader(answer.Body)
	for beats := 0; beats < 3; {
		line, err := body.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, ":") {
			beats++
		}
	}
	begin := time.Now()
	cancel()
	if _, err := io.ReadAll(body); err != nil { // to its end, not cut
		t.Errorf("the stream: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %s to stop", took)
	}
}
