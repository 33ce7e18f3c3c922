package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"lastgasp/headend"
)

// The great storm: half a million usage points, each of which loses supply within one minute.
const (
	greatFeeders      = 500
	greatTransformers = 20 // a feeder
	greatPoints       = 50 // a transformer
	greatGateways     = 20
	greatStorm        = greatFeeders * greatTransformers * greatPoints
)

// greatGrid is feeders of so many transformers each, greatPoints usage points below each of them, 25 feeders a substation.
type greatGrid struct{ feeders, transformers int }

// TestTheGreatStorm plays 500,000 last gasps in a minute over MQTT, and looks how far the ledger in the database is behind
// what was acknowledged, and how much memory the head-end takes.
func TestTheGreatStorm(t *testing.T) {
	if os.Getenv("STORM") == "" {
		t.Skip("takes five minutes and a quiet machine: set STORM=1")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	url := startServer(t).Database(t)
	p := newProcess(t, "LASTGASP_DATABASE_URL="+url)
	grid := greatGrid{greatFeeders, greatTransformers}
	grid.load(t, p)
	p.start()
	p.waitReady(ctx)
	until(ctx, t, "it detects", func() bool { return detects(t, p) })
	links := make([]paho.Client, greatGateways)
	for i := range links {
		links[i] = connectAs(t, p, fmt.Sprintf("G%d", i), fmt.Sprintf("password-of-gateway-%d", i))
	}
	start := time.Now().UTC().Truncate(time.Second)
	for _, minutes := range []int{25, 10} {
		grid.eachTransformer(t, links, 0, func(i int) (topic string, message []any) {
			for m := range greatPoints {
				message = append(message, map[string]any{"device": greatMeter(i, m), "time": start.Add(-time.Duration(minutes) * time.Minute), "values": map[string]any{"v1": 230.1}})
			}
			return "reads", message
		})
	}
	t.Logf("before the storm: %d MB", p.peakMemory()>>20)

	behind := watchLag(ctx, t, url)
	began := time.Now()
	grid.eachTransformer(t, links, time.Minute, func(i int) (topic string, message []any) {
		lost := time.Now().UTC().Add(-30 * time.Second).Truncate(time.Second)
		for m := range greatPoints {
			message = append(message, map[string]any{"device": greatMeter(i, m), "time": lost, "event": headend.EventPowerDown, "seq": 1})
		}
		behind.acknowledging(greatPoints)
		return "events", message
	})
	took := time.Since(began)
	until(ctx, t, "all without supply are in the ledger", func() bool { return behind.shown() == greatStorm })
	lag := behind.stop()
	memory := p.peakMemory()
	t.Logf("%d gasps in %s; the ledger was at most %s behind; head-end's peak memory %d MB", greatStorm, took.Round(time.Second), lag.Round(100*time.Millisecond), memory>>20)
	if lag > 5*time.Second || memory > 1<<30 {
		t.Errorf("asked: 5 s and 1024 MB")
	}
}

func greatMeter(transformer, i int) string { return fmt.Sprintf("M%d-%d", transformer, i) }

// eachTransformer publishes a message for each transformer that has one by the connection of its gateway, spread over a time, and
// waits for all acknowledgements.
func (grid greatGrid) eachTransformer(t *testing.T, links []paho.Client, over time.Duration, say func(transformer int) (topic string, message []any)) {
	t.Helper()
	all := grid.feeders * grid.transformers
	begin := time.Now()
	var senders sync.WaitGroup
	for g, link := range links {
		senders.Go(func() {
			var tokens []paho.Token
			for i := g; i < all; i += len(links) {
				if wait := time.Until(begin.Add(over * time.Duration(i) / time.Duration(all))); wait > 0 {
					<-time.After(wait)
				}
				topic, message := say(i)
				if len(message) == 0 {
					continue
				}
				payload, err := json.Marshal(message)
				if err != nil {
					t.Error(err)
					return
				}
				tokens = append(tokens, link.Publish(fmt.Sprintf("ami/v1/G%d/%s", g, topic), 1, false, payload))
			}
			for _, token := range tokens {
				if !token.WaitTimeout(2*time.Minute) || token.Error() != nil {
					t.Error("not acknowledged: ", token.Error())
					return
				}
			}
		})
	}
	senders.Wait()
}

// lagWatch compares how many gasps have been sent with how many interruptions the database shows.
type lagWatch struct {
	mu      sync.Mutex
	sent    int
	at      []time.Time // when each thousand had been sent
	seen    int
	longest time.Duration
	end     context.CancelFunc
	done    chan struct{}
}

func watchLag(ctx context.Context, t *testing.T, url string) *lagWatch {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	w := &lagWatch{end: cancel, done: make(chan struct{})}
	tick := time.NewTicker(200 * time.Millisecond)
	go func() {
		defer close(w.done)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				text := sample(t, url, `SELECT sum(out)::text FROM outage WHERE state IN ('suspected', 'confirmed') HAVING sum(out) > 0`)
				if len(text) == 0 {
					text = []string{"0"}
				}
				n, err := strconv.Atoi(text[0])
				if err != nil {
					t.Error(err)
					return
				}
				w.note(n)
			}
		}
	}()
	return w
}

func (w *lagWatch) acknowledging(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent += n
	for len(w.at) < w.sent/1000 {
		w.at = append(w.at, time.Now())
	}
}

// note takes in how many are shown: the oldest thousand that is sent and not shown is as far behind as it is old.
func (w *lagWatch) note(shown int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = shown
	if k := shown / 1000; k < len(w.at) {
		w.longest = max(w.longest, time.Since(w.at[k]))
	}
}

func (w *lagWatch) shown() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

func (w *lagWatch) stop() time.Duration {
	w.end()
	<-w.done
	return w.longest
}

// load imports the registry of the grid.
func (grid greatGrid) load(t *testing.T, p *process) {
	t.Helper()
	for _, kind := range []string{"network", "usage-points", "devices"} {
		p.run("import", kind, grid.registry(t, kind))
	}
}

// registry writes one file of the registry.
func (grid greatGrid) registry(t *testing.T, kind string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), kind+".csv")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := csv.NewWriter(file)
	line := func(fields ...string) {
		if err := w.Write(fields); err != nil {
			t.Fatal(err)
		}
	}
	switch kind {
	case "network":
		line(strings.Split("id,name,kind,parent,organisation,rated_kva,from,to", ",")...)
		for f := range grid.feeders {
			if f%25 == 0 {
				line(fmt.Sprintf("S%d", f/25), "", "substation", "", "", "", "", "")
			}
			line(fmt.Sprintf("F%d", f), "", "feeder", fmt.Sprintf("S%d", f/25), "", "", "", "")
			for i := range grid.transformers {
				line(fmt.Sprintf("T%d", f*grid.transformers+i), "", "transformer", fmt.Sprintf("F%d", f), "", "100", "", "")
			}
		}
	case "usage-points":
		line(strings.Split("id,name,address,node,organisation,phases,from,to", ",")...)
		for i := range grid.feeders * grid.transformers * greatPoints {
			line(fmt.Sprintf("U%d", i), "", "", fmt.Sprintf("T%d", i/greatPoints), "", "L1", "", "")
		}
	case "devices":
		line(strings.Split("id,kind,protocol,address,profile,gateway,usage_point,password,from,to", ",")...)
		for g := range greatGateways {
			line(fmt.Sprintf("G%d", g), "gateway", "mqtt", "", "", "", "", fmt.Sprintf("password-of-gateway-%d", g), "", "")
		}
		for i := range grid.feeders * grid.transformers * greatPoints {
			transformer := i / greatPoints
			line(greatMeter(transformer, i%greatPoints), "meter", "mqtt", "", "", fmt.Sprintf("G%d", transformer%greatGateways), fmt.Sprintf("U%d", i), "", "", "")
		}
	default:
		t.Fatal("no such file: ", kind)
	}
	w.Flush()
	if err := errorsOf(w, file); err != nil {
		t.Fatal(err)
	}
	return path
}

func errorsOf(w *csv.Writer, file io.Closer) error {
	if err := w.Error(); err != nil {
		return err
	}
	return file.Close()
}
