package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

const (
	stormTransformers = 30
	stormPoints       = 20 // a transformer
	stormGateway      = "DCU-1"
	stormPassword     = "password-of-the-concentrator"
)

// TestTheDetectingHeadEndIsKilledInAStorm runs two head-ends on one database, kills the one that detects in the middle of
// a storm, and compares the ledger with that of a head-end nobody disturbed, which hears the same storm.
func TestTheDetectingHeadEndIsKilledInAStorm(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine timeseries.Engine) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		server := startServer(t)
		disturbed, undisturbed := server.Database(t), server.Database(t)
		on := func(url string) *process {
			return newProcess(t, "LASTGASP_DATABASE_URL="+url, "LASTGASP_DATABASE_ENGINE="+string(engine))
		}
		first, second, alone := on(disturbed), on(disturbed), on(undisturbed)
		files := stormRegistry(t)
		for _, p := range []*process{first, alone} {
			p.run("import", "network", files["network"])
			p.run("import", "usage-points", files["usage-points"])
			p.run("import", "devices", files["devices"])
			p.start()
			p.waitReady(ctx)
			until(ctx, t, "it detects", func() bool { return detects(t, p) })
		}
		second.start()
		second.waitReady(ctx)
		if detects(t, second) {
			t.Fatal("two head-ends detect on one database")
		}

		// Devices are connected to the head-end that does not detect.
		links := []paho.Client{connect(t, second), connect(t, alone)}
		start := time.Now().UTC().Truncate(time.Second)
		publish(t, links, "reads", stormReads(start))
		story := stormStory(start)
		for i, part := range story {
			if i == len(story)/2 {
				first.kill()
			}
			publish(t, links, "events", part)
		}
		until(ctx, t, "the other one detects", func() bool { return detects(t, second) })

		want := stormTransformers * stormPoints
		ledgers := make([][]string, 2)
		t.Cleanup(func() {
			if t.Failed() {
				t.Log("undisturbed and disturbed:", cmp.Diff(ledgers[1], ledgers[0]))
			}
		})
		until(ctx, t, fmt.Sprintf("both have found all %d without supply, and agree", want), func() bool {
			for i, url := range []string{disturbed, undisturbed} {
				ledgers[i] = openRows(t, url)
			}
			return len(ledgers[0]) == want && slices.Equal(ledgers[0], ledgers[1])
		})
	})
}

// stormRegistry writes the registry: each transformer with its usage points and their meters behind one concentrator.
func stormRegistry(t *testing.T) map[string]string {
	t.Helper()
	rows := map[string][][]string{
		"network":      {strings.Split("id,name,kind,parent,organisation,rated_kva,from,to", ","), {"S1", "S1", "substation", "", "", "", "", ""}, {"F1", "F1", "feeder", "S1", "", "", "", ""}},
		"usage-points": {strings.Split("id,name,address,node,organisation,phases,from,to", ",")},
		"devices": {strings.Split("id,kind,protocol,address,profile,gateway,usage_point,password,from,to", ","),
			{stormGateway, "gateway", "mqtt", "", "", "", "", stormPassword, "", ""}},
	}
	for tr := range stormTransformers {
		node := fmt.Sprintf("T%d", tr)
		rows["network"] = append(rows["network"], []string{node, node, "transformer", "F1", "", "100", "", ""})
		for p := range stormPoints {
			id := fmt.Sprintf("%d-%d", tr, p)
			rows["usage-points"] = append(rows["usage-points"], []string{"U" + id, "", "", node, "", "L1", "", ""})
			rows["devices"] = append(rows["devices"], []string{"M" + id, "meter", "mqtt", "", "", stormGateway, "U" + id, "", "", ""})
		}
	}
	files := map[string]string{}
	for kind, lines := range rows {
		files[kind] = filepath.Join(t.TempDir(), kind+".csv")
		file, err := os.Create(files[kind])
		if err != nil {
			t.Fatal(err)
		}
		if err := csv.NewWriter(file).WriteAll(lines); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// stormReads are the readings of all meters in the two hours before the storm.
func stormReads(start time.Time) []any {
	var reads []any
	for tr := range stormTransformers {
		for p := range stormPoints {
			for minutes := 120; minutes > 0; minutes -= 10 {
				reads = append(reads, map[string]any{"device": fmt.Sprintf("M%d-%d", tr, p), "time": start.Add(-time.Duration(minutes) * time.Minute),
					"values": map[string]any{"v1": 230.1}})
			}
		}
	}
	return reads
}

// stormStory is what arrives, message by message: each transformer goes at a second of its own, seven gasps of ten get through,
// in any order.
func stormStory(start time.Time) [][]any {
	chance := rand.New(rand.NewPCG(3, 5))
	var gasps []any
	for tr := range stormTransformers {
		lost := start.Add(-time.Minute + time.Duration(tr%7)*time.Second)
		for p := range stormPoints {
			if chance.IntN(10) < 7 {
				gasps = append(gasps, map[string]any{"device": fmt.Sprintf("M%d-%d", tr, p), "time": lost, "event": headend.EventPowerDown, "seq": 1})
			}
		}
	}
	chance.Shuffle(len(gasps), func(i, j int) { gasps[i], gasps[j] = gasps[j], gasps[i] })
	return slices.Collect(slices.Chunk(gasps, 5))
}

func connect(t *testing.T, p *process) paho.Client {
	return connectAs(t, p, stormGateway, stormPassword)
}

func connectAs(t *testing.T, p *process, device, password string) paho.Client {
	t.Helper()
	client := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + p.mqtt).SetClientID(device).SetUsername(device).SetPassword(password))
	if token := client.Connect(); !token.WaitTimeout(20*time.Second) || token.Error() != nil {
		t.Fatal("connect: ", token.Error())
	}
	t.Cleanup(func() { client.Disconnect(100) })
	return client
}

// publish sends what the concentrator says and waits until it is acknowledged, which is until it is stored.
func publish(t *testing.T, links []paho.Client, topic string, message []any) {
	t.Helper()
	for chunk := range slices.Chunk(message, 1000) {
		payload, err := json.Marshal(chunk)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range links {
			if token := link.Publish("ami/v1/"+stormGateway+"/"+topic, 1, false, payload); !token.WaitTimeout(30*time.Second) || token.Error() != nil {
				t.Fatal("publish: ", token.Error())
			}
		}
	}
}

// detects tells whether a head-end holds the lease.
func detects(t *testing.T, p *process) bool {
	t.Helper()
	return metricsOf(t, p.http, "lastgasp_detection_leader")[0] == 1
}

// openRows are the rows of the ledger of those without supply, without what tells how they were found out.
func openRows(t *testing.T, url string) []string {
	t.Helper()
	return sample(t, url, `SELECT concat_ws(' ', u.id, i.started, i.inferred, i.start_by, n.id)
		FROM interruption i JOIN usage_point u ON u.number = i.usage_point JOIN outage o ON o.number = i.outage LEFT JOIN node n ON n.number = o.node
		WHERE NOT i.withdrawn AND i.ended IS NULL ORDER BY 1`)
}
