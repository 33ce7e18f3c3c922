package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/api"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
)

// TestSupplyIsDeadAliveOrUnknown: T1 is out, of T2's customers one was heard; nobody hangs on T3; T4 says nothing.
func TestSupplyIsDeadAliveOrUnknown(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		s.load(t, "", "T3,Trạm 3,transformer,F1,D1,100,2020-01-01,\nT4,Trạm 4,transformer,F1,D1,100,2020-01-01,\n", "U4,Ông Dũng,,T4,D1,L1,2020-01-01,\nU5,Bà Én,,T2,D1,L1,2020-01-01,\n", "")
		now := time.Now().UTC().Truncate(time.Second)
		s.append(t, says("M1", now.Add(-time.Minute), "v1", 229.8), says("plant/line/M3", now.Add(-time.Minute), "v1", 230.1), says("M2", now.Add(-3*time.Hour), "v1", 231.0))
		points := s.points(t)
		record := s.ledger(t)
		rows := []headend.LedgerRow{
			{Interruption: headend.Interruption{UsagePoint: points["U1"], ID: 1, Outage: 1, Start: now.Add(-30 * time.Second)}, StartBy: headend.ByDevice},
			{Interruption: headend.Interruption{UsagePoint: points["U2"], ID: 1, Outage: 1, Start: now.Add(-30 * time.Second)}, StartBy: headend.ByNeighbour},
			{Interruption: headend.Interruption{UsagePoint: points["U3"], ID: 1, Outage: 2, Start: now.Add(-9 * time.Hour), End: now.Add(-8 * time.Hour)}, StartBy: headend.ByDevice, EndBy: headend.ByDevice},
			{Interruption: headend.Interruption{UsagePoint: points["U4"], ID: 1, Outage: 3, Start: now.Add(-9 * time.Hour), Withdrawn: true}, StartBy: headend.ByDevice},
		}
		record([]headend.Outage{transformerOut(1)}, rows...)

		want := func(path string, heard map[string]string) {
			t.Helper()
			var tree api.SupplyTree
			s.read(t, path, &tree)
			if len(tree.Items) != len(heard) {
				t.Errorf("%s: %d nodes, want %d", path, len(tree.Items), len(heard))
			}
			for _, n := range tree.Items {
				if got := fmt.Sprintf("%s %d/%d %d", n.State, n.Out, n.Customers, n.Heard); got != heard[n.ID] {
					t.Errorf("%s: %s is %s, want %s", path, n.ID, got, heard[n.ID])
				}
			}
		}
		want("/api/v1/nodes/F1/supply", map[string]string{"F1": "part 2/5 1", "T1": "dead 2/2 0", "T2": "alive 0/2 1", "T3": "none 0/0 0", "T4": "unknown 0/1 0"})
		want("/api/v1/nodes/T1/supply", map[string]string{"T1": "dead 2/2 0"})
		rows[0].End, rows[1].End = now, now
		record(nil, rows[:2]...)
		want("/api/v1/nodes/T1/supply", map[string]string{"T1": "alive 0/2 1"})
		want("/api/v1/nodes/T1/supply?heard=300", map[string]string{"T1": "alive 0/2 2"})
		s.problem(t, http.MethodGet, "/api/v1/nodes/nowhere/supply", http.StatusNotFound, "nowhere")
		s.problem(t, http.MethodGet, "/api/v1/nodes/T1/supply?heard=0", http.StatusUnprocessableEntity, "query.heard")
	})
}

func TestSupplyTellsTheBreaker(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		rows := "id,kind,protocol,address,profile,gateway,usage_point,password,from,to,node\nRTU1,rtu,modbus,tcp://10.0.0.1:502,,,,,2020-01-01,,F1\n"
		if r, err := s.store.ImportDevices(t.Context(), importer.Devices(strings.NewReader(rows), importer.Format{Zone: time.UTC}), timeseries.ImportOptions{}); err != nil || len(r.Refused) > 0 {
			t.Fatalf("%+v %v", r, err)
		}
		if err := s.store.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		now := time.Now().UTC().Truncate(time.Second)
		for i, word := range []headend.EventType{headend.EventBreakerClosed, headend.EventBreakerOpen, headend.EventFaultPassage} {
			at := now.Add(time.Duration(i-10) * time.Minute)
			s.append(t, headend.Batch{Device: "RTU1", Received: at, Source: headend.Source{Protocol: "modbus"}, Events: []headend.Event{{Time: at, Type: word, Seq: headend.NoSeq}}})
		}
		var tree api.SupplyTree
		s.read(t, "/api/v1/nodes/F1/supply", &tree)
		if n := tree.Items[0]; n.ID != "F1" || n.Breaker != "open" || n.BreakerAt == nil || !n.BreakerAt.Equal(now.Add(-9*time.Minute)) {
			t.Errorf("got %+v", n)
		}
	})
}

func TestOverviewCounts(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		s.append(t, says("heard/first", noon, "v1", 229.8))
		s.ledger(t)([]headend.Outage{transformerOut(1), {Number: 2, State: headend.OutageClosed, Node: "T2", Start: noon, End: noon.Add(time.Hour), Customers: 1}})
		var o api.Overview
		s.read(t, "/api/v1/overview", &o)
		o.Now = time.Time{}
		if want := (api.Overview{Zone: "Asia/Ho_Chi_Minh", UsagePoints: 3, Meters: 3, Gateways: 1, Unassigned: 1, OpenOutages: 1, Out: 2}); o != want {
			t.Errorf("got %+v, want %+v", o, want)
		}
	})
}
