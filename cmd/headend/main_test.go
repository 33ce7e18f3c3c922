package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/headend/ingest"
	"lastgasp/protocols"
	"lastgasp/protocols/mqtt"
	"lastgasp/timeseries/storetest"
)

// command runs the program in this process and returns status, standard output and standard error.
func command(t *testing.T, environment []string, args ...string) (int, string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	status := run(&program{ctx: t.Context(), stdout: &out, stderr: &errs, environment: environment}, args)
	return status, out.String(), errs.String()
}

func TestTheCommandLineSaysWhatIsWrong(t *testing.T) {
	inEmptyDir(t)
	for name, c := range map[string]struct {
		args   []string
		status int
		out    string
		err    string
	}{
		"help":             {[]string{"--help"}, exitDone, "import usage-points <file>", ""},
		"nothing":          {nil, exitUsage, "", "expected one of"},
		"unknown command":  {[]string{"serv"}, exitUsage, "", "serv"},
		"unknown flag":     {[]string{"serve", "--prot=80"}, exitUsage, "", "--prot"},
		"no such file":     {[]string{"import", "devices", "gone.csv"}, exitFailed, "", "gone.csv"},
		"no such config":   {[]string{"-c", "gone.yaml", "config"}, exitFailed, "", "gone.yaml"},
		"bad config":       {[]string{"--set", "http.lisen=x", "serve"}, exitFailed, "", "the nearest known key is http.listen"},
		"short of a level": {[]string{"--log-level", "loud", "config"}, exitFailed, "", "debug, info, warn, error"},
		"no database":      {[]string{"--set", "database.url=postgres://u:sesame@127.0.0.1:1/x", "migrate"}, exitFailed, "", "127.0.0.1:1"},
	} {
		status, out, errs := command(t, nil, c.args...)
		if status != c.status || !strings.Contains(out, c.out) || !strings.Contains(errs, c.err) {
			t.Errorf("%s: status %d\n%s\n%s", name, status, out, errs)
		}
		if strings.Contains(errs, "sesame") {
			t.Errorf("%s: a password is printed: %s", name, errs)
		}
	}
}

// ownDatabase makes a server of its own and returns the environment that names a fresh database on it.
func ownDatabase(t *testing.T) []string {
	t.Helper()
	server, err := storetest.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return []string{"DATABASE_URL=" + server.Database(t)}
}

func TestImportFromTheCommandLine(t *testing.T) {
	environment := ownDatabase(t)
	dir := inEmptyDir(t)
	if status, out, errs := command(t, environment, "migrate"); status != exitDone || !strings.Contains(out, "zone Asia/Ho_Chi_Minh") {
		t.Fatalf("migrate: %d %s %s", status, out, errs)
	}
	write(t, "network.csv", "id,name,kind,parent,organisation,rated_kva,from,to\nT1,,transformer,,,,2026-01-01,\n", 0o644)
	write(t, "points.csv", "id,name,address,node,organisation,phases,from,to\nU1,,,T1,,L1,2026-01-01,\nU2,,,T9,,L1,,\nU3,,,T1,,L7,,\n", 0o644)
	for _, c := range []struct {
		args   []string
		status int
		out    string
		errs   []string
	}{
		{[]string{"import", "network", "network.csv"}, exitDone, "network.csv: 1 lines, 0 refused; 1 new, 0 changed, 0 unchanged\n", nil},
		{[]string{"import", "network", "network.csv"}, exitDone, "network.csv: 1 lines, 0 refused; 0 new, 0 changed, 1 unchanged: nothing changed\n", nil},
		{[]string{"import", "usage-points", "points.csv"}, exitRefused, "points.csv: 3 lines, 2 refused; nothing was written", []string{"points.csv:3: U2: unknown node T9\n", "points.csv:4: U3: phases \"L7\""}},
		{[]string{"import", "usage-points", "--skip-refused", "points.csv"}, exitRefused, "points.csv: 3 lines, 2 refused; 1 new, 0 changed, 0 unchanged\n", []string{"points.csv:3:", "points.csv:4:"}},
		{[]string{"import", "devices", "points.csv"}, exitFailed, "", []string{"points.csv", "not the expected header", "the first line is id,name,address", "Nothing was written"}},
	} {
		status, out, errs := command(t, environment, c.args...)
		if status != c.status || !strings.HasPrefix(out, c.out) {
			t.Errorf("%v: status %d\n%s\n%s", c.args, status, out, errs)
		}
		for _, want := range c.errs {
			if !strings.Contains(errs, want) {
				t.Errorf("%v does not say %q:\n%s", c.args, want, errs)
			}
		}
	}
	// A file that is given by a path is named by it.
	if _, out, _ := command(t, environment, "import", "network", filepath.Join(dir, "network.csv")); !strings.HasPrefix(out, filepath.Join(dir, "network.csv")+": 1 lines") {
		t.Errorf("got %s", out)
	}
}

// loopbackAddress is one that nobody listens on.
func loopbackAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestServeStartsAnswersAndStops(t *testing.T) {
	environment := ownDatabase(t)
	inEmptyDir(t)
	address := loopbackAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	said, stderr := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(&program{ctx: ctx, stdout: io.Discard, stderr: stderr, environment: environment},
			[]string{"--set", "http.listen=" + address, "--set", "broker.listen=" + loopbackAddress(t), "serve"})
		stderr.Close()
	}()
	listening, log := make(chan struct{}), &bytes.Buffer{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		waiting, buffer := 2, make([]byte, 4096)
		for {
			n, err := said.Read(buffer)
			log.Write(buffer[:n])
			if waiting > 0 && strings.Contains(log.String(), "API listens") && strings.Contains(log.String(), "broker listens") {
				waiting = 0
				close(listening)
			}
			if err != nil {
				return
			}
		}
	}()
	select {
	case <-listening:
	case status := <-done:
		<-read
		t.Fatalf("ended with %d:\n%s", status, log)
	}
	status, token, errs := command(t, environment, "token", "add", "test")
	if status != exitDone {
		t.Fatalf("%d %s", status, errs)
	}
	for path, want := range map[string]string{"/healthz": `"ok"`, "/readyz": `"ok"`, "/api/v1/meters": `"items":[]`, "/metrics": "lastgasp_database_up", "/api/v1/openapi.json": `"3.1.`} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(path, "/api/v1/meters") {
			request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s %v", path, answer.StatusCode, body, err)
		}
		answer.Body.Close()
	}
	// A second head-end on the same address says so, and ends.
	if status, _, errs := command(t, environment, "--set", "http.listen="+address, "--set", "broker.enabled=false", "serve"); status != exitFailed || !strings.Contains(errs, "set http.listen to another") {
		t.Errorf("a second head-end: %d %s", status, errs)
	}
	cancel()
	if status := <-done; status != exitDone {
		<-read
		t.Errorf("stopped with %d:\n%s", status, log)
	}
	<-read
}

func TestStagesStopInTheOrderOfTheData(t *testing.T) {
	var order []string
	said := make(chan string)
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		for s := range said {
			order = append(order, s)
		}
	}()
	until := func(name string, started chan<- struct{}) stage {
		return stage{name, func(ctx context.Context) error {
			if started != nil {
				close(started)
			}
			<-ctx.Done()
			said <- name
			return nil
		}}
	}
	started := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	log := slog.New(slog.DiscardHandler)
	if err := runStages(ctx, log, []stage{until("driver", started)}, []stage{until("ingest", nil)}, []stage{until("store", nil)}); err != nil {
		t.Error(err)
	}
	// One that fails takes the others down, in order too, and its error comes out; so does one that just ends.
	broken := errors.New("cable cut")
	err := runStages(t.Context(), log, []stage{{"driver", func(context.Context) error { return broken }}}, []stage{until("ingest", nil)}, []stage{until("store", nil)})
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "driver: ") {
		t.Errorf("error %v", err)
	}
	err = runStages(t.Context(), log, []stage{until("driver", nil)}, []stage{{"ingest", func(context.Context) error { return nil }}})
	if err == nil || !strings.Contains(err.Error(), "ingest ended by itself") {
		t.Errorf("error %v", err)
	}
	close(said)
	<-recorded
	if diff := cmp.Diff([]string{"driver", "ingest", "store", "ingest", "store", "driver"}, order); diff != "" {
		t.Error(diff)
	}
}

// kept is a sink, and a store for one, that keeps what it is given.
type kept struct{ batches []headend.Batch }

func (k *kept) Accept(_ context.Context, batches []headend.Batch) error {
	k.batches = append(k.batches, batches...)
	return nil
}

func (k *kept) Append(_ context.Context, batches []headend.Batch) (headend.Appended, error) {
	k.batches = append(k.batches, batches...)
	return headend.Appended{}, nil
}

func (k *kept) Ready(context.Context) error { return nil }

func (k *kept) Standing(headend.DeviceID) (headend.Standing, bool) { return headend.Standing{}, false }

func TestReplayDecodesAndStoresAgain(t *testing.T) {
	router, err := mqtt.NewRouter(mqtt.RouterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	store := &kept{}
	stage := ingest.New(store, ingest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- stage.Run(ctx) }()
	r := &replayer{decoders: map[string]protocols.Decoder{"mqtt": router}, sink: stage}
	message := headend.Quarantined{Source: headend.Source{Protocol: "mqtt", Address: "ami/v1/M1/reads"}, Raw: []byte(`{"time":"2026-11-21T10:30:00Z","values":{"import_wh":7}}`),
		Received: time.Date(2026, 11, 21, 10, 30, 2, 0, time.UTC), Refusal: headend.Refusal{Reason: headend.ReasonNoCodec}}
	if refused, err := r.Replay(t.Context(), message); err != nil || len(refused) > 0 {
		t.Fatalf("%v %v", refused, err)
	}
	if len(store.batches) != 1 || store.batches[0].Device != "M1" || len(store.batches[0].Readings) != 1 {
		t.Errorf("stored %+v", store.batches)
	}
	for name, c := range map[string]struct {
		change func(*headend.Quarantined)
		reason headend.Reason
	}{
		"still cut off":    {func(q *headend.Quarantined) { q.Raw = q.Raw[:20] }, headend.ReasonMalformed},
		"unknown topic":    {func(q *headend.Quarantined) { q.Source.Address = "else/where" }, headend.ReasonNoCodec},
		"unknown protocol": {func(q *headend.Quarantined) { q.Source.Protocol = "dlms" }, headend.ReasonNoCodec},
		"of 1970":          {func(q *headend.Quarantined) { q.Raw = bytes.Replace(q.Raw, []byte("2026"), []byte("1970"), 1) }, headend.ReasonBadTime},
		"another's topic":  {func(q *headend.Quarantined) { q.Refusal.Reason = headend.ReasonForeignDevice }, headend.ReasonForeignDevice},
	} {
		q := message
		c.change(&q)
		if refused, err := r.Replay(t.Context(), q); err != nil || len(refused) != 1 || refused[0].Reason != c.reason || refused[0].Detail == "" {
			t.Errorf("%s: %v %v, want %s", name, refused, err, c.reason)
		}
	}
	if len(store.batches) != 1 {
		t.Errorf("%d batches were stored", len(store.batches))
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRefusalsOfAnImportAreAllPrinted(t *testing.T) {
	var out, errs bytes.Buffer
	refused := []headend.RefusedLine{{Line: 2, ID: "M1", Reason: "unknown"}, {Line: 30, Reason: "has 1 columns"}}
	err := reportImport(&program{stdout: &out, stderr: &errs}, "f.csv", headend.Imported{Lines: 40, Refused: refused})
	if !errors.Is(err, errRefused) {
		t.Error(err)
	}
	if want := "f.csv:2: M1: unknown\nf.csv:30: has 1 columns\n"; errs.String() != want {
		t.Errorf("got %q", errs.String())
	}
}
