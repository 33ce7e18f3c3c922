package timeseries_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

const feederNetwork = `id,name,kind,parent,organisation,rated_kva,from,to
S1,Substation,substation,,,,2020-01-01,
F1,Feeder 1,feeder,S1,,,2020-01-01,
F2,Feeder 2,feeder,S1,,,2020-01-01,
`

func importDevices(t *testing.T, s *timeseries.Store, lines string) headend.Imported {
	t.Helper()
	result, err := s.ImportDevices(t.Context(), importer.Devices(strings.NewReader("id,kind,protocol,address,profile,gateway,usage_point,password,from,to,node\n"+lines), importer.Format{}), timeseries.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

const places = `SELECT d.id, n.id, v.valid_from::date::text, v.valid_to::text
	FROM device_node v JOIN device d ON d.number = v.device JOIN node n ON n.number = v.node ORDER BY 1, 3`

func TestFeederDevicesStandForNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		if _, err := s.ImportNodes(t.Context(), importer.Nodes(strings.NewReader(feederNetwork), importer.Format{}), timeseries.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
		changed, cancel := s.Changed()
		defer cancel()
		const first = "R1,rtu,modbus,tcp://10.0.0.1:502?unit=1,sel_751a,,,,2024-01-01,,F1\nR2,rtu,modbus,tcp://10.0.0.1:502?unit=2,sel_751a,,,,2024-01-01,,\nM1,meter,mqtt,,,,,,2024-01-01,,\n"
		if got := importDevices(t, s, first); got.New != 3 || len(got.Refused) != 0 {
			t.Errorf("first import: %+v", got)
		}
		if got := importDevices(t, s, first); got.Unchanged != 3 {
			t.Errorf("the same again: %+v", got)
		}
		expectRows(t, s, places, "R1 F1 2024-01-01 infinity")
		if got := importDevices(t, s, "R1,rtu,modbus,tcp://10.0.0.1:502?unit=1,sel_751a,,,,2025-06-01,,F2\n"); got.Changed != 1 {
			t.Errorf("moved: %+v", got)
		}
		expectRows(t, s, places, "R1 F1 2024-01-01 2025-06-01 00:00:00+00", "R1 F2 2025-06-01 infinity")
		if got := importDevices(t, s, "R3,rtu,modbus,tcp://10.0.0.1:502?unit=3,sel_751a,,,,2025-06-01,,F9\n"); len(got.Refused) != 1 || !strings.Contains(got.Refused[0].Reason, "unknown node F9") {
			t.Errorf("an unknown node: %+v", got)
		}
		devices, err := s.PolledDevices(t.Context(), "modbus")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range devices {
			got = append(got, string(d.ID)+" "+d.Address+" "+d.Profile+" "+d.Node)
		}
		want := []string{"R1 tcp://10.0.0.1:502?unit=1 sel_751a F2", "R2 tcp://10.0.0.1:502?unit=2 sel_751a "}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("polled devices (-want +got):\n%s", diff)
		}
		if err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changed:
		case <-time.After(10 * time.Second):
			t.Error("nobody was told of the change")
		}
	})
}
