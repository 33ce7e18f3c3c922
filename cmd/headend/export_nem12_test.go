package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing/export/exporttest"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
)

// TestNEM12OfARun bills usage points whose ids are NMIs, one with a loss and one whose meter was exchanged, and reads the file by the rules of
// the format: every interval is there with what was used, and those nobody measured say so.
func TestNEM12OfARun(t *testing.T) {
	c := newClerk(t, timeseries.Postgres)
	load := func(done headend.Imported, err error) {
		t.Helper()
		if err != nil || len(done.Refused) > 0 {
			t.Fatalf("import: %+v %v", done, err)
		}
	}
	exchange := c.at(2, 0, 0).Format(time.RFC3339)
	load(c.store.ImportUsagePoints(t.Context(), importer.UsagePoints(strings.NewReader("id,name,address,node,organisation,phases,from,to\nNEM1201001,,,T1,D1,L1,,\nNEM1201002,,,T1,D1,L1,,\nNEM1201003,,,T1,D1,L1,,\n"),
		importer.Format{Zone: c.zone}), timeseries.ImportOptions{}))
	load(c.store.ImportDevices(t.Context(), importer.Devices(strings.NewReader("id,kind,protocol,address,profile,gateway,usage_point,password,from,to\nN1,meter,mqtt,,,G1,NEM1201001,,,\nN2,meter,mqtt,,,G1,NEM1201002,,,\n"+
		"N3,meter,mqtt,,,G1,NEM1201003,,2026-09-01,"+exchange+"\nN4,meter,mqtt,,,G1,NEM1201003,,"+exchange+",\n"), importer.Format{Zone: c.zone}), timeseries.ImportOptions{}))
	lost := c.at(1, 12, 0)
	c.send(t, "N1", func(time.Time) bool { return false })
	c.send(t, "N2", lost.Equal)
	c.send(t, "N3", c.at(2, 0, 0).Before)
	c.send(t, "N4", c.at(2, 0, 0).After)
	run := c.run(t, `{"from":"2026-10-01","to":"2026-10-03","by":"test","values":true,"usage_points":["NEM1201001","NEM1201002","NEM1201003"]}`)
	name := filepath.Join(t.TempDir(), "october.csv")
	if err := (&exportOfRun{ID: run.ID, Format: "nem12", Out: name, Sender: "MDPX", Receiver: "RETX"}).export(t.Context(), c.store, io.Discard); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	days, err := exporttest.ParseNEM12(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	serials := map[string]string{}
	for _, d := range days {
		serials[d.NMI+" "+d.Date] = d.Serial
		if d.Unit != "kWh" || d.Suffix != "E1" || d.Interval != 30 || len(d.Value) != 48 {
			t.Errorf("%s %s: %d intervals of %d min of %s in %s", d.NMI, d.Date, len(d.Value), d.Interval, d.Suffix, d.Unit)
		}
		for i, v := range d.Value {
			want := "A"
			if at := c.at(1, 0, 30*i); d.NMI == "NEM1201002" && d.Date == "20261001" && (at.Equal(lost) || at.Equal(lost.Add(-30*time.Minute))) {
				want = "S17" // a line between its neighbours
			}
			if kwh, err := strconv.ParseFloat(v, 64); err != nil || kwh != 0.1 || d.Quality[i] != want {
				t.Errorf("%s %s: interval %d is %s %s, want 0.1 %s", d.NMI, d.Date, i+1, v, d.Quality[i], want)
			}
		}
	}
	want := map[string]string{"NEM1201001 20261001": "N1", "NEM1201001 20261002": "N1", "NEM1201002 20261001": "N2", "NEM1201002 20261002": "N2", "NEM1201003 20261001": "N3", "NEM1201003 20261002": "N4"}
	if len(days) != len(want) {
		t.Errorf("%d days, want %d", len(days), len(want))
	}
	for day, serial := range want {
		if serials[day] != serial {
			t.Errorf("%s has meter %q, want %s", day, serials[day], serial)
		}
	}
	if _, _, body := c.ask(t, "/api/v1/billing/runs/"+run.ID+"/export?format=nem12&sender=MDPX&receiver=RETX", "", ""); !bytes.Equal(body, text) {
		t.Errorf("over HTTP %d bytes, the file has %d", len(body), len(text))
	}
}
