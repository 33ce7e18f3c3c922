package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// TestWhereItIsUnsureItAsks lets a few of a transformer's meters gasp, answers the questions that come to the concentrator for the
// others with "done", and expects that the outage is then at those few alone.
func TestWhereItIsUnsureItAsks(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine timeseries.Engine) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		url := startServer(t).Database(t)
		p := newProcess(t, "LASTGASP_DATABASE_URL="+url, "LASTGASP_DATABASE_ENGINE="+string(engine))
		files := stormRegistry(t)
		p.run("import", "network", files["network"])
		p.run("import", "usage-points", files["usage-points"])
		p.run("import", "devices", files["devices"])
		p.start()
		p.waitReady(ctx)
		until(ctx, t, "it detects", func() bool { return detects(t, p) })

		gateway := connect(t, p)
		asked := make(chan string, 100)
		commands := func(_ paho.Client, m paho.Message) {
			var command struct {
				ID, Command, Device string
				Expires             time.Time
			}
			if err := json.Unmarshal(m.Payload(), &command); err != nil || command.Command != "ping" || command.Expires.Before(time.Now()) {
				t.Errorf("command %s: %v", m.Payload(), err)
			}
			asked <- command.ID + " " + command.Device
		}
		if token := gateway.Subscribe("ami/v1/"+stormGateway+"/cmd", 1, commands); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
			t.Fatal("subscribe: ", token.Error())
		}
		start := time.Now().UTC().Truncate(time.Second)
		links := []paho.Client{gateway}
		publish(t, links, "reads", stormReads(start))
		dark := []string{"M4-0", "M4-1"}
		var gasps []any
		for _, id := range dark {
			gasps = append(gasps, map[string]any{"device": id, "time": start.Add(-3 * time.Minute), "event": headend.EventPowerDown, "seq": 1})
		}
		publish(t, links, "events", gasps)

		answered := map[string]bool{}
		until(ctx, t, "the dark ones are found alone", func() bool {
			for len(asked) > 0 {
				id, device, _ := strings.Cut(<-asked, " ")
				if !strings.HasPrefix(device, "M4-") || slices.Contains(dark, device) {
					t.Errorf("asked %s, of which there is no doubt", device)
				}
				answered[device] = true
				payload, err := json.Marshal(map[string]any{"id": id, "device": device, "status": "done"})
				if err != nil {
					t.Fatal(err)
				}
				if token := gateway.Publish("ami/v1/"+stormGateway+"/ack", 1, false, payload); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
					t.Fatal("answer: ", token.Error())
				}
			}
			return len(answered) > 0 && len(openRows(t, url)) == len(dark)
		})
		t.Logf("asked %d meters", len(answered))
	})
}
