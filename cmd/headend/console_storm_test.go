package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"lastgasp/headend"
)

// TestConsoleInAStorm opens the console on a head-end with 100,000 meters, in Chromium, and lets 500 transformers fail while it is
// looked at. What is timed stands in headend/console/browser/storm.mjs: the first content, the coming in of 500 outages, changes of
// their list, scrolling, and typing in the search for a meter.
func TestConsoleInAStorm(t *testing.T) {
	if os.Getenv("STORM") == "" {
		t.Skip("takes three minutes and a quiet machine: set STORM=1")
	}
	scripts, node, chromium := needBrowser(t)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	p := newProcess(t, "LASTGASP_DATABASE_URL="+startServer(t).Database(t))
	grid := greatGrid{feeders: 500, transformers: 4}
	grid.load(t, p)
	_, password, ok := strings.Cut(p.run("user", "add", "night", "--role", "operator"), "password ")
	if !ok {
		t.Fatal("the password is not printed")
	}
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

	script := exec.CommandContext(ctx, node, "storm.mjs")
	script.Dir = scripts
	script.Env = append(p.env, "BASE=http://"+p.http, "LOGIN=night", "PASSWORD="+strings.Fields(password)[0], "CHROMIUM="+chromium)
	script.Stderr = os.Stderr
	out, err := script.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := script.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		t.Log(lines.Text())
		if strings.HasSuffix(lines.Text(), "watching") {
			grid.eachTransformer(t, links, 20*time.Second, func(i int) (topic string, message []any) {
				if i%grid.transformers != 0 {
					return "", nil
				}
				lost := time.Now().UTC().Add(-30 * time.Second).Truncate(time.Second)
				for m := range greatPoints {
					message = append(message, map[string]any{"device": greatMeter(i, m), "time": lost, "event": headend.EventPowerDown, "seq": 1})
				}
				return "events", message
			})
		}
	}
	if err := script.Wait(); err != nil {
		t.Fatal(err)
	}
}
