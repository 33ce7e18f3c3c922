package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// TestManyFollowTheStreamOfABuiltHeadEnd has many clients, each with a connection of its own, follow the stream of a head-end that is a
// process of its own, while outages change: each of them gets each change. STREAM=1 makes a thousand of them, and looks how much
// memory the head-end takes.
func TestManyFollowTheStreamOfABuiltHeadEnd(t *testing.T) {
	clients := 100
	if os.Getenv("STREAM") != "" {
		clients = 1000
	}
	const revisions, together = 20, 5
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	url := startServer(t).Database(t)
	store := storetest.OpenURL(t, url, timeseries.Options{})
	p := newProcess(t, "LASTGASP_DATABASE_URL="+url, "LASTGASP_DETECTION_ENABLED=false", "LASTGASP_ACCESS_RATE=2000")
	network := filepath.Join(t.TempDir(), "network.csv")
	if err := os.WriteFile(network, []byte("id,name,kind,parent,organisation,rated_kva,from,to\nT1,Trạm 1,transformer,,,,2020-01-01,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run("import", "network", network)
	token := p.token()
	p.start()
	p.waitReady(ctx)
	before := p.memory("VmRSS")

	var connected, told atomic.Int64
	var following sync.WaitGroup
	for range clients {
		following.Go(func() {
			if err := followAll(ctx, p.http, token, revisions*together, &connected, &told); err != nil {
				t.Error(err)
				cancel()
			}
		})
	}
	until(ctx, t, "all follow", func() bool { return connected.Load() == int64(clients) })
	with := p.memory("VmRSS")

	epoch, _, release, err := store.Lease(ctx, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	var longest time.Duration
	for r := range revisions {
		var outages []headend.Outage
		for i := range together {
			number := int64(r*together + i + 1)
			outages = append(outages, headend.Outage{Number: number, State: headend.OutageConfirmed, Node: "T1", Start: time.Now().Add(-time.Hour), Odds: 6.9, Customers: 40, Out: 35, Seen: 31,
				Summary: "31 of 40 meters sent a last gasp within 2 s; none of the others has been heard since", Trail: []string{"The lowest node is T1."}})
		}
		if _, err := store.Record(ctx, epoch, headend.Detection{Outages: outages}); err != nil {
			t.Fatal(err)
		}
		written := time.Now()
		until(ctx, t, fmt.Sprintf("all have been told of revision %d", r+1), func() bool { return told.Load() >= int64(clients*(r+1)*together) })
		longest = max(longest, time.Since(written))
	}
	following.Wait()
	flowing := p.memory("VmHWM")
	t.Logf("%d clients, %d changes each: %d MB resident before, %d MB with them, %d MB at most while changes flowed; the last client was told %s after a commit at the latest",
		clients, revisions*together, before>>20, with>>20, flowing>>20, longest.Round(time.Millisecond))
	if clients == 1000 && flowing > 200<<20 {
		t.Errorf("%d MB; 200 are allowed for 1,000 clients", flowing>>20)
	}
}

// followAll follows the stream until it has been told of so many outages, each once.
func followAll(ctx context.Context, address, token string, all int, connected, told *atomic.Int64) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := fmt.Fprintf(conn, "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", token); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn) // chunks of the answer have lines of their own, which no event looks like
	begun, seen := false, map[int64]bool{}
	for len(seen) < all && lines.Scan() {
		line := lines.Text()
		if !begun && strings.HasPrefix(line, "HTTP/1.1") && !strings.HasPrefix(line, "HTTP/1.1 200") {
			return fmt.Errorf("a client is not let in: %s", line)
		}
		if id := strings.HasPrefix(line, "id: "); id && !begun {
			begun = true
			connected.Add(1)
		}
		if strings.HasPrefix(line, "event: reset") {
			return fmt.Errorf("a client has to list again")
		}
		data, is := strings.CutPrefix(line, "data: ")
		if !is {
			continue
		}
		var o struct{ Number int64 }
		if err := json.Unmarshal([]byte(data), &o); err != nil {
			return fmt.Errorf("%s: %w", data, err)
		}
		if seen[o.Number] {
			return fmt.Errorf("outage %d was told twice", o.Number)
		}
		seen[o.Number] = true
		told.Add(1)
	}
	if len(seen) < all {
		return fmt.Errorf("a client was told of %d outages of %d: %v", len(seen), all, lines.Err())
	}
	return nil
}
