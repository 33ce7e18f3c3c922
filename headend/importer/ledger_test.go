package importer_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/headend/importer"
)

const planHeader = "id,kind,node,usage_points,from,to,reason,notice,status\n"

var saigon = time.FixedZone("Hanoi", 7*3600)

func TestPlans(t *testing.T) {
	got, err := collect(t, importer.Plans(strings.NewReader(planHeader+
		"W1,cut,T1,,2026-01-31T08:00,2026-01-31 10:30:00,pole,2026-01-24,\n"+
		"W2,exchange,,U1; U2;U1,2026-01-31T08:00:00Z,2026-02-01,,,cancelled\n"+
		"W3,party,T1,,2026-01-31,2026-02-01,,,\nW4,cut,,,2026-01-31,2026-02-01,,,\nW5,cut,T1,,2026-02-01,2026-01-31,,,\nW6,cut,T1,,,2026-01-31,,,\n"+
		"W7,cut,T1,,2026-01-31,2026-02-01,,,maybe\nW8,cut,T1,U\x01;U2,2026-01-31,2026-02-01,,,\n"), importer.Format{Zone: saigon}))
	if err != nil || len(got) != 8 {
		t.Fatal(len(got), err)
	}
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, 1, day, hour, minute, 0, 0, saigon).UTC()
	}
	want := []headend.Plan{
		{ID: "W1", Kind: headend.PlanCut, Node: "T1", UsagePoints: []string{}, From: at(31, 8, 0), To: at(31, 10, 30), Reason: "pole", Notice: at(24, 0, 0)},
		{ID: "W2", Kind: headend.PlanExchange, UsagePoints: []string{"U1", "U2"}, From: at(31, 15, 0), To: at(32, 0, 0), Dropped: true}}
	if diff := cmp.Diff(want, []headend.Plan{got[0].Row, got[1].Row}); diff != "" || got[0].Refusal+got[1].Refusal != "" {
		t.Errorf("%s %s (-want +got):\n%s", got[0].Refusal, got[1].Refusal, diff)
	}
	for i, reason := range []string{"kind", "neither node nor usage_points", "to 2026-01-31 is not after", "from and to are needed", "status", "usage_points has the control"} {
		if l := got[i+2]; !strings.Contains(l.Refusal, reason) || l.Number != i+4 {
			t.Errorf("line %d: %q, want %q", l.Number, l.Refusal, reason)
		}
	}
}

func TestInterruptions(t *testing.T) {
	got, err := collect(t, importer.Interruptions(strings.NewReader("usage_point,start,end,outage,cause,phases,planned\n"+
		"U1,2025-01-31 08:00:00,2025-01-31T10:30:00+07:00,O-7,tree,\"L1,L2\",yes\nU1,2025-01-31 08:00,2025-01-31 08:00,,,,\nU1,2025-01-31,,,,,\nU1,31.1.2025,2025-01-31,,,,\nU1,2025-01-30,2025-01-31,,,,perhaps\n"),
		importer.Format{Zone: saigon}))
	if err != nil || len(got) != 5 {
		t.Fatal(len(got), err)
	}
	want := headend.InterruptionRow{UsagePoint: "U1", Start: time.Date(2025, 1, 31, 1, 0, 0, 0, time.UTC), End: time.Date(2025, 1, 31, 3, 30, 0, 0, time.UTC), Outage: "O-7", Cause: "tree",
		Phases: headend.L1 | headend.L2, Planned: true}
	if diff := cmp.Diff(want, got[0].Row); diff != "" || got[0].Refusal != "" {
		t.Errorf("%s (-want +got):\n%s", got[0].Refusal, diff)
	}
	for i, reason := range []string{"end 2025-01-31 08:00 is not after start", "start and end are needed", `start "31.1.2025" is neither`, `planned "perhaps"`} {
		if l := got[i+1]; !strings.Contains(l.Refusal, reason) {
			t.Errorf("line %d: %q, want %q", l.Number, l.Refusal, reason)
		}
	}
	if got, err := collect(t, importer.Interruptions(strings.NewReader("usage_point,start,end,outage,cause,phases\nU1,2025-01-30,2025-01-31,,,\n"), importer.Format{})); err != nil || got[0].Refusal != "" || got[0].Row.Planned {
		t.Errorf("without the further column: %+v, %v", got, err)
	}
}

func TestGenerationIsAFurtherColumn(t *testing.T) {
	got, err := collect(t, importer.UsagePoints(strings.NewReader("id,name,address,node,organisation,phases,from,to,generation\nU1,,,T1,,,,,yes\nU2,,,T1,,,,,\nU3,,,T1,,,,,solar\n"), importer.Format{}))
	if err != nil || len(got) != 3 || !got[0].Row.Generation || got[1].Row.Generation || got[1].Refusal != "" || got[2].Refusal == "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestConnectedLoadIsAFurtherColumn(t *testing.T) {
	const header = "id,name,address,node,organisation,phases,from,to,"
	read := func(text string) ([]headend.Line[headend.UsagePoint], error) {
		return collect(t, importer.UsagePoints(strings.NewReader(text), importer.Format{}))
	}
	for _, c := range []struct {
		field string
		kva   float64
		reads bool
	}{{"", 0, true}, {"0", 0, true}, {"2.2", 2.2, true}, {"0.001", 0.001, true}, {"1000000", 1e6, true}, {"1000000.001", 0, false}, {"-1", 0, false}, {`"2,2"`, 0, false},
		{"2.2222", 0, false}, {"1e3", 0, false}, {"NaN", 0, false}, {"Inf", 0, false}, {"2.2 kVA", 0, false}, {"0x10", 0, false}} {
		got, err := read(header + "connected_kva\nU1,,,T1,,,,," + c.field + "\nU2,,,T1,,,,,1\n")
		if err != nil || len(got) != 2 || (got[0].Refusal == "") != c.reads || c.reads && got[0].Row.ConnectedKVA != c.kva || got[1].Row.ConnectedKVA != 1 {
			t.Errorf("%q: %+v, %v", c.field, got, err)
		}
		if !c.reads && !strings.Contains(got[0].Refusal, "connected_kva") {
			t.Errorf("%q: %s", c.field, got[0].Refusal)
		}
	}
	if got, _ := read(header + "connected_kva\nU1,,,T1,,,,,\"2,2\"\n"); !strings.Contains(got[0].Refusal, "decimals with a point") {
		t.Error(got[0].Refusal)
	}
	for _, columns := range []string{"generation,connected_kva\nU1,,,T1,,,,,yes,3.5\n", "connected_kva,generation\nU1,,,T1,,,,,3.5,yes\n"} {
		if got, err := read(header + columns); err != nil || !got[0].Row.Generation || got[0].Row.ConnectedKVA != 3.5 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for _, columns := range []string{"generation,generation\n", "connected_kva,\n", "load\n", "generation,connected_kva,connected_kva\n"} {
		if _, err := read(header + columns); !errors.Is(err, importer.ErrHeader) {
			t.Errorf("header with %q: %v", columns, err)
		}
	}
}

// Whatever is in a file: every line that is taken is fit for the store.
func FuzzPlans(f *testing.F) {
	f.Add("W1,cut,T1,U1;U2,2026-01-31,2026-02-01,pole,2026-01-24,\n")
	f.Add("W1,cut,,;;\"\n\",2026-01-31 10:00,2026-02-01T00:00:00Z,,,cancelled")
	f.Fuzz(func(t *testing.T, rows string) {
		for line, err := range importer.Plans(strings.NewReader(planHeader+rows), importer.Format{Zone: saigon}) {
			if err != nil {
				t.Fatal(err)
			}
			if !utf8.ValidString(line.Refusal) {
				t.Errorf("line %d is refused in other bytes than UTF-8", line.Number)
			}
			p := line.Row
			if line.Refusal != "" {
				continue
			}
			if !p.To.After(p.From) || p.Node == "" && len(p.UsagePoints) == 0 || !utf8.ValidString(p.ID+p.Reason+p.Node+strings.Join(p.UsagePoints, "")) {
				t.Errorf("line %d was taken: %+v", line.Number, p)
			}
		}
	})
}
