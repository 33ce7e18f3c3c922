package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"

	"lastgasp/headend"
	"lastgasp/headend/access/accesstest"
	"lastgasp/headend/api"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// terminalAPI is a head-end's API in front of a store of its own, with a small grid.
type terminalAPI struct {
	*httptest.Server
	store  *timeseries.Store
	record func(...headend.Outage)
}

func newTerminalAPI(t *testing.T) *terminalAPI {
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
	store := storetest.OpenURL(t, server.Database(t), timeseries.Options{Engine: timeseries.Postgres})
	nodes := importer.Nodes(strings.NewReader("id,name,kind,parent,organisation,rated_kva,from,to\nF1,Lộ 471 E15 Tam Kỳ,feeder,,,,2020-01-01,\n"+
		"T1,Trạm biến áp Trường Xuân 3,transformer,F1,,400,2020-01-01,\nT2,,transformer,F1,,250,2020-01-01,\n"), importer.Format{Zone: time.UTC})
	if r, err := store.ImportNodes(t.Context(), nodes, timeseries.ImportOptions{}); err != nil || len(r.Refused) > 0 {
		t.Fatalf("%+v %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	a, err := api.New(api.Options{Access: accesstest.Doors(t, store), Store: store, Outages: store})
	if err != nil {
		t.Fatal(err)
	}
	epoch, _, release, err := store.Lease(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	s := &terminalAPI{Server: httptest.NewServer(a.Handler()), store: store}
	t.Cleanup(s.Close)
	s.record = func(outages ...headend.Outage) {
		t.Helper()
		if _, err := store.Record(t.Context(), epoch, headend.Detection{Outages: outages}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func darkTransformer(number int64, since time.Time) headend.Outage {
	return headend.Outage{Number: number, State: headend.OutageConfirmed, Node: "T1", Start: since, Odds: 6.9, Customers: 40, Out: 35, Seen: 31,
		Summary: "31 of 40 meters below sent a last gasp within 4 s, none lives", Trail: []string{"The lowest node that explains the evidence is transformer T1.", "31 of 40 meters below sent a last gasp."},
		Steps: []headend.OutageStep{{At: since.Add(9 * time.Minute), Back: 5, Still: 35, Node: "T1"}}}
}

func TestOutagesInATerminal(t *testing.T) {
	s := newTerminalAPI(t)
	run := func(args ...string) (int, string, string) {
		return command(t, nil, append([]string{"outages", "--token", accesstest.Token(), "--url", s.URL}, args...)...)
	}
	if status, out, errs := run(); status != exitDone || out != "No open outages.\n" || errs != "" {
		t.Errorf("%d %q %q", status, out, errs)
	}
	since := time.Now().Add(-75 * time.Minute)
	over := headend.Outage{Number: 2, State: headend.OutageClosed, Node: "T2", Start: since.Add(-72 * time.Hour), End: since.Add(-71 * time.Hour), Planned: true, Plan: "P1",
		Cause: "maintenance", Customers: 12, Seen: 12, Summary: "planned cut P1"}
	unknown := headend.Outage{Number: 3, State: headend.OutageSuspected, Node: "F1", Part: true, Customers: 3, Out: 3, Summary: "3 meters said that power came back"}
	s.record(darkTransformer(1, since), over, unknown)
	zone, err := time.LoadLocation("Asia/Ho_Chi_Minh")
	if err != nil {
		t.Fatal(err)
	}
	status, out, errs := run()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if status != exitDone || errs != "" || len(lines) != 3 {
		t.Fatalf("%d\n%s%s", status, out, errs)
	}
	t.Log("\n" + out)
	for i, words := range [][]string{{"NO", "STATE", "SINCE", "FOR", "PLACE", "OUT", "WHY"}, {"3", "suspected", "?", "part of F1 Lộ 471 E15 Tam Kỳ", "3/3", "power came back"},
		{"1", "confirmed", since.In(zone).Format("15:04"), "1h15", "T1 Trạm biến áp Trường Xuân 3", "35/40", "31 of 40 meters below sent a last gasp within 4 s, none lives"}} {
		for _, word := range words {
			if !strings.Contains(lines[i], word) {
				t.Errorf("line %d does not say %q: %s", i, word, lines[i])
			}
		}
	}
	if status, out, _ := run("--all"); status != exitDone || strings.Count(out, "\n") != 4 || !strings.Contains(out, "closed") || !strings.Contains(out, "0/12") {
		t.Errorf("--all: %d\n%s", status, out)
	}

	_, err = s.store.Decide(t.Context(), headend.Decision{Kind: headend.DecideCause, Made: time.Now(), By: "Nguyễn Nam", Note: "cây đổ vào đường dây", Outage: 1, Node: "T1", Moment: since, Cause: "tree"})
	if err != nil {
		t.Fatal(err)
	}
	status, out, errs = run("1")
	t.Log("\n" + out)
	for _, words := range []string{"Outage 1: confirmed, since ", "for 1h15", "T1 Trạm biến áp Trường Xuân 3", "35 out of 40 interrupted; 9 of them inferred", "Why\n  The lowest node",
		"Came back\n", "5 below T1, 35 still out", "How it was seen\n", "Decided by operators\n", "Nguyễn Nam: cause tree (cây đổ vào đường dây)"} {
		if status != exitDone || !strings.Contains(out, words) {
			t.Errorf("%d %s: does not say %q:\n%s", status, errs, words, out)
		}
	}
	if status, out, errs := run("77"); status != exitFailed || out != "" || !strings.Contains(errs, `unknown outage "77"`) {
		t.Errorf("%d %q %q", status, out, errs)
	}
	if status, _, errs := run("1", "--watch"); status != exitFailed || !strings.Contains(errs, "--watch") {
		t.Errorf("%d %q", status, errs)
	}
}

func TestOutagesSayWhyThereIsNoAnswer(t *testing.T) {
	inEmptyDir(t)
	nobody := loopbackAddress(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "<html>hello") }))
	defer other.Close()
	for name, c := range map[string]struct {
		args  []string
		words []string
	}{
		"nobody":      {[]string{"--set", "http.listen=" + nobody, "outages"}, []string{"no head-end answers at http://" + nobody, "http.listen of the configuration", "refused", "headend serve", "--url"}},
		"by --url":    {[]string{"outages", "--url", "http://" + nobody}, []string{"(--url)", "refused"}},
		"watching":    {[]string{"outages", "--watch", "--url", "http://" + nobody}, []string{"no head-end answers"}},
		"no API":      {[]string{"--set", "http.listen=", "outages"}, []string{"http.listen is empty"}},
		"no address":  {[]string{"outages", "--url", "localhost:8080"}, []string{"not an address such as http://127.0.0.1:8080"}},
		"another":     {[]string{"outages", "--url", other.URL}, []string{"is no head-end", "200 OK"}},
		"without TLS": {[]string{"outages", "--url", strings.Replace(other.URL, "http:", "https:", 1)}, []string{"no safe connection"}},
	} {
		status, out, errs := command(t, nil, c.args...)
		if status != exitFailed || out != "" {
			t.Errorf("%s: %d %q", name, status, out)
		}
		t.Log(name, errs)
		for _, word := range c.words {
			if !strings.Contains(errs, word) {
				t.Errorf("%s does not say %q: %s", name, word, errs)
			}
		}
	}
}

func TestWatchingOutagesFollowsTheStream(t *testing.T) {
	s := newTerminalAPI(t)
	since := time.Now().Add(-time.Minute)
	s.record(darkTransformer(1, since))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read, write := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		var errs strings.Builder
		ended <- run(&program{ctx: ctx, stdout: write, stderr: &errs}, []string{"outages", "--watch", "--token", accesstest.Token(), "--url", s.URL})
		if err := write.Close(); err != nil {
			t.Error(err)
		}
	}()
	lines := bufio.NewScanner(read)
	next := func(words ...string) {
		t.Helper()
		for lines.Scan() {
			all := true
			for _, word := range words {
				all = all && strings.Contains(lines.Text(), word)
			}
			if all {
				return
			}
		}
		t.Fatalf("no line with %q: %v", words, lines.Err())
	}
	next("1", "confirmed", "35/40")
	again := darkTransformer(1, since)
	again.State, again.Out, again.End = headend.OutageRestored, 0, time.Now()
	s.record(again)
	next("1", "restored", "0/40")
	s.record(darkTransformer(2, since))
	next("2", "confirmed", "since "+since.In(time.FixedZone("", 7*3600)).Format("15:04"))
	cancel()
	go func() {
		for lines.Scan() { // so that nothing it still says holds it up
			continue
		}
	}()
	if status := <-ended; status != exitDone {
		t.Errorf("status %d", status)
	}
}

func TestTheTableFitsTheTerminal(t *testing.T) {
	zone := time.FixedZone("", 7*3600)
	s := &screen{zone: zone, colour: true}
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, zone)
	at := func(d time.Duration) *time.Time { t := now.Add(-d); return &t }
	outages := []api.Outage{
		{Number: 17, State: "confirmed", Node: "TBA-TX-0003", Name: "Trạm biến áp Trường Xuân số 3", Start: at(12 * time.Minute), Customers: 140, Out: 35, Summary: "31 of 140 meters below sent a last gasp within 4 s, none lives"},
		{Number: 4, State: "suspected", UsagePoint: "PC05-0012345", Name: "Ông An\x1b[31m", Start: at(80 * time.Hour), Customers: 1, Out: 1, Summary: "its own last gasp"},
		{Number: 3, State: "suspected", Node: "F1", Start: at(400 * 24 * time.Hour), End: at(399 * 24 * time.Hour), Customers: 1, Summary: "meters said"},
	}
	for _, width := range []int{100, 80, 132} {
		lines := s.table(outages, now, width)
		t.Log("\n" + strings.Join(lines, "\n"))
		for _, l := range lines {
			bare := strings.NewReplacer("\x1b[1;31m", "", "\x1b[33m", "", "\x1b[0m", "").Replace(l)
			if n := uniseg.StringWidth(bare); n > width || strings.Contains(bare, "\x1b") {
				t.Errorf("%d columns, want at most %d: %q", n, width, bare)
			}
		}
		for i, words := range []string{"", "09:48", "11-19 02:00", "2025-10-18 10:00"} {
			if !strings.Contains(lines[i], words) {
				t.Errorf("%q does not say %q", lines[i], words)
			}
		}
		if !strings.Contains(lines[1], "\x1b[1;31mconfirmed\x1b[0m") {
			t.Errorf("no colour: %q", lines[1])
		}
	}
	s.colour = false
	if lines := s.table(outages, now, 0); strings.Contains(strings.Join(lines, ""), "…") || strings.Contains(strings.Join(lines, ""), "\x1b") {
		t.Errorf("elsewhere than on a terminal nothing is cut or coloured: %q", lines)
	}
}
