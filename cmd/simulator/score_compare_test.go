package main

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/simulator"
)

var midnight = time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)

// at is a time of the day, 10:07 or 10:07:30; "" is none.
func at(t *testing.T, clock string) time.Time {
	t.Helper()
	if clock == "" {
		return time.Time{}
	}
	var hour, minute, second int
	if n, err := fmt.Sscanf(clock, "%d:%d:%d", &hour, &minute, &second); n < 2 {
		t.Fatal(clock, err)
	}
	return midnight.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second)
}

// village is a feeder F with a lateral L of the transformers T1 (U11, U12) and T2 (U21, U22), and T3 (U31 alone) behind a
// recloser R.
func village() *tree {
	net := newTree()
	net.parent = map[string]string{"F": "S", "L": "F", "T1": "L", "T2": "L", "R": "F", "T3": "R"}
	net.kind = map[string]string{"S": "substation", "F": "feeder", "L": "switch", "R": "switch", "T1": "transformer", "T2": "transformer", "T3": "transformer"}
	for point, node := range map[string]string{"U11": "T1", "U12": "T1", "U21": "T2", "U22": "T2", "U31": "T3"} {
		net.hang(point, node)
	}
	return net
}

// told reads a ledger: "U11 10:00 10:30 #1" a row, "#1 T1" an outage, with "part", "withdrawn" or "shown 10:01" behind it.
func told(t *testing.T, text string) *ledger {
	t.Helper()
	l := &ledger{outages: map[int64]*toldOutage{}}
	for _, row := range strings.Split(strings.TrimSpace(text), "\n") {
		f := strings.Fields(row)
		var number int64
		switch {
		case len(f) == 0:
		case f[0][0] == '#':
			fmt.Sscanf(f[0], "#%d", &number)
			o := &toldOutage{node: f[1]}
			if f[1][0] == 'U' {
				o.node, o.point = "", f[1]
			}
			for i := 2; i < len(f); i++ {
				switch f[i] {
				case "part":
					o.part = true
				case "withdrawn":
					o.withdrawn = true
				case "shown":
					o.shown = append(o.shown, shown{at(t, f[i+1]), f[1]})
				}
			}
			l.outages[number] = o
		default:
			fmt.Sscanf(f[3], "#%d", &number)
			r := toldRow{point: f[0], outage: number, planned: len(f) > 4 && f[4] == "planned"}
			if f[1][0] == '>' {
				r.notBefore = at(t, f[1][1:])
			} else {
				r.start = at(t, f[1])
			}
			if f[2] != "-" {
				r.end = at(t, f[2])
			}
			l.rows = append(l.rows, r)
		}
	}
	return l
}

// happened is the truth: "U11 10:00 10:30 F1" an interruption, "F1 outage T1 10:00 10:30" a fault, "gasp U11 10:00:40".
func happened(t *testing.T, text string) *truth {
	t.Helper()
	x := newTruth()
	x.from, x.to = midnight, midnight.Add(24*time.Hour)
	for _, row := range strings.Split(strings.TrimSpace(text), "\n") {
		f := strings.Fields(row)
		switch {
		case len(f) == 0:
		case f[0] == "gasp":
			x.gasps[f[1]] = append(x.gasps[f[1]], at(t, f[2]))
		case f[0][0] == 'F':
			x.damages = append(x.damages, simulator.Damage{ID: f[0], Kind: simulator.FaultKind(f[1]), Where: f[2], Start: at(t, f[3]), End: at(t, f[4]), Points: 1})
		default:
			x.interruptions = append(x.interruptions, simulator.Interruption{UsagePoint: f[0], Start: at(t, f[1]), End: at(t, f[2]), Fault: f[3]})
		}
	}
	return x
}

func TestCompareCounts(t *testing.T) {
	const one = "U11 10:00 10:30 F1\nU12 10:00 10:30 F1\nF1 outage T1 10:00 10:30\n"
	for _, c := range []struct {
		name, truth, told                   string
		truths, found, missed, false, told_ int
		minutes                             float64
	}{
		{"right", one, "U11 10:00 10:30 #1\nU12 10:00 10:30 #1\n#1 T1", 2, 2, 0, 0, 2, 60},
		{"missed", one, "U11 10:00 10:30 #1\n#1 U11", 2, 1, 1, 0, 1, 30},
		{"nothing told", one, "", 2, 0, 2, 0, 0, 0},
		{"false", one, "U11 10:00 10:30 #1\nU12 10:00 10:30 #1\nU21 10:00 10:20 #1\n#1 L", 2, 2, 0, 1, 3, 80},
		{"at another time", one, "U11 11:00 11:30 #1\nU12 10:00 10:30 #1\n#1 T1", 2, 1, 1, 1, 2, 60},
		{"shifted", one, "U11 10:05 10:40 #1\nU12 10:00 10:30 #1\n#1 T1", 2, 2, 0, 0, 2, 65},
		{"split", one, "U11 10:00 10:10 #1\nU11 10:15 10:30 #1\nU12 10:00 10:30 #1\n#1 T1", 2, 2, 0, 1, 3, 55},
		{"split, but touching", one, "U11 10:00 10:10 #1\nU11 10:10 10:30 #2\nU12 10:00 10:30 #1\n#1 T1\n#2 U11", 2, 2, 0, 0, 2, 60},
		{"two as one", "U11 10:00 10:30 F1\nU11 11:00 11:30 F1", "U11 10:00 11:30 #1\n#1 U11", 2, 1, 1, 0, 1, 90},
		{"momentary told as sustained", "U11 10:00 10:05 F1", "U11 10:00 10:06 #1\n#1 U11", 0, 0, 0, 1, 1, 6},
		{"exactly five minutes", "U11 10:00 10:05 F1", "U11 10:00 10:05 #1\n#1 U11", 0, 0, 0, 0, 0, 0},
		{"sustained told as momentary", "U11 10:00 10:06 F1", "U11 10:00 10:04 #1\n#1 U11", 1, 0, 1, 0, 0, 0},
		{"start not known", "U11 10:00 10:30 F1", "U11 >09:45 10:30 #1\n#1 U11", 1, 1, 0, 0, 1, 45},
		{"lasts", "U11 23:00 24:00 F1", "U11 23:00 - #1\n#1 U11", 1, 1, 0, 0, 1, 60},
		{"nested: transformer, then its feeder", "U11 10:00 10:20 F1\nU11 10:20 10:30 F2", "U11 10:00 10:30 #1\n#1 T1", 1, 1, 0, 0, 1, 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := compare(happened(t, c.truth), told(t, c.told), village(), nil)
			if s.truth != c.truths || s.found != c.found || s.missed != c.missed || s.false != c.false || s.told != c.told_ {
				t.Errorf("%d true, %d found, %d missed, %d false, %d told; want %d, %d, %d, %d, %d", s.truth, s.found, s.missed, s.false, s.told,
					c.truths, c.found, c.missed, c.false, c.told_)
			}
			if s.minutesTold.Minutes() != c.minutes {
				t.Errorf("%v without supply are told, want %v", s.minutesTold, c.minutes)
			}
		})
	}
}

func TestCompareErrors(t *testing.T) {
	s := compare(happened(t, "U11 10:00 10:30 F1\nU12 10:00 10:30 F1"), told(t, "U11 10:01 10:33 #1\nU12 09:59 10:30 #1\n#1 T1"), village(), nil)
	if s.starts[0] != time.Minute || s.starts[1] != time.Minute || s.ends[0] != 3*time.Minute || s.ends[1] != 0 {
		t.Errorf("errors are %v and %v", s.starts, s.ends)
	}
	if got := percent(float64(s.minutesTold), float64(s.minutes)); math.Abs(got-5) > 1e-9 {
		t.Errorf("CMI is off by %v %%, want 63 of 60 minutes", got)
	}
	twice := &score{}
	twice.add(s)
	twice.add(s)
	if twice.runs != 2 || twice.truth != 4 || len(twice.starts) != 4 || twice.minutes != 2*time.Hour || twice.f1() != 1 {
		t.Errorf("the sum of two is %+v", twice)
	}
	if s := compare(happened(t, ""), told(t, ""), village(), nil); s.f1() != 1 || percent(0, 0) != 0 {
		t.Errorf("nothing, rightly told, is %v", s.f1())
	}
	if s := compare(happened(t, "U11 10:00 10:30 F1\nU12 10:00 10:30 F1"), told(t, "U11 10:00 10:30 #1\nU21 10:00 10:30 #1\n#1 T1"), village(), nil); s.f1() != 0.5 {
		t.Errorf("one found, one missed, one false is F1 %v", s.f1())
	}
}

func TestCompareNames(t *testing.T) {
	const lateral = "U11 10:00 10:30 F1\nU12 10:00 10:30 F1\nU21 10:00 10:30 F1\nU22 10:00 10:30 F1\nF1 outage L 10:00 10:30\n"
	const rows = "U11 10:00 10:30 #1\nU12 10:00 10:30 #1\nU21 10:00 10:30 #1\nU22 10:00 10:30 #1\n"
	for _, c := range []struct {
		name, truth, told, class string
		want                     naming
	}{
		{"right", lateral, rows + "#1 L", "switch", naming{right: 1}},
		{"a level above", lateral, rows + "#1 F", "switch", naming{near: 1}},
		{"a level below", lateral, strings.ReplaceAll(rows, "U22 10:00 10:30 #1", "U22 10:00 10:30 #2") + "#1 T1\n#2 T2", "switch", naming{near: 1}},
		{"beside", lateral, rows + "#1 T3", "switch", naming{wrong: 1}},
		{"not at all", lateral, "", "switch", naming{wrong: 1}},
		{"part of it", lateral, rows + "#1 L part", "switch", naming{near: 1}},
		{"single lights instead of a transformer", "U11 10:00 10:30 F1\nU12 10:00 10:30 F1\nF1 outage T1 10:00 10:30",
			"U11 10:00 10:30 #1\n#1 U11", "transformer of 1 to 4", naming{near: 1}},
		{"a recloser before one transformer cannot be told from it", "U31 10:00 10:30 F1\nF1 outage R 10:00 10:30", "U31 10:00 10:30 #1\n#1 T3",
			"switch", naming{right: 1}},
		{"nor from its only customer", "U31 10:00 10:30 F1\nF1 outage T3 10:00 10:30", "U31 10:00 10:30 #1\n#1 U31", "transformer of 1 to 4", naming{right: 1}},
		{"one phase", "U11 10:00 10:30 F1\nF1 phase_lost T1 10:00 10:30", "U11 10:00 10:30 #1\n#1 T1", "one phase, transformer", naming{right: 1}},
		{"a short one is nobody's business", "U11 10:00 10:04 F1\nF1 outage T1 10:00 10:04", "", "transformer of 1 to 4", naming{}},
		{"the feeder, though most of its customers were out already",
			"U11 10:00 10:40 F1\nU12 10:00 10:40 F1\nU31 10:20 10:30 F2\nF1 outage T1 10:00 10:40\nF2 outage F 10:20 10:30",
			"U11 10:00 10:40 #1\nU12 10:00 10:40 #1\nU31 10:20 10:30 #2\n#1 T1\n#2 F", "feeder", naming{right: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := compare(happened(t, c.truth), told(t, c.told), village(), nil)
			if got := *s.class(c.class); got != c.want {
				t.Errorf("%+v, want %+v; all: %v", got, c.want, s.classes)
			}
		})
	}
}

func TestCompareTimes(t *testing.T) {
	const truth = "U11 10:00 10:30 F1\nU12 10:00 10:30 F1\nF1 outage T1 10:00 10:30\ngasp U12 10:00:50\ngasp U11 10:00:40\ngasp U11 09:00:40\n"
	for _, c := range []struct {
		name, told string
		want       time.Duration
		unseen     int
	}{
		{"shown", "#1 T1 shown 10:01:30", 50 * time.Second, 0},
		{"shown elsewhere first", "#1 L shown 10:01:00\n#2 T1 shown 10:02:00", 80 * time.Second, 0},
		{"shown and taken back is shown", "#1 T1 withdrawn shown 10:01:00", 20 * time.Second, 0},
		{"afterwards", "#1 T1 shown 10:31:00", 0, 1},
		{"never", "#1 T1", 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := compare(happened(t, truth), told(t, c.told), village(), nil)
			if s.unseen != c.unseen || c.unseen == 0 && (len(s.detected) != 1 || s.detected[0] != c.want) {
				t.Errorf("after %v, %d not shown", s.detected, s.unseen)
			}
		})
	}
	if s := compare(happened(t, "U11 10:00 10:30 F1\nF1 outage T1 10:00 10:30"), told(t, ""), village(), nil); s.unseen != 0 {
		t.Error("without a gasp nobody could know")
	}
}

func TestCompareOutages(t *testing.T) {
	s := compare(happened(t, "U11 10:00 10:02 F1\nU12 12:00 13:00 F2\nF1 momentary T1 10:00 10:02\nF2 planned T1 12:00 13:00\nU31 14:00 15:00 F3\nF3 outage T3 14:00 15:00"), told(t, `
		U11 10:00 10:02 #1
		U12 12:00 13:00 #2 planned
		U21 10:00 10:02 #3
		U31 14:00 15:00 #5 planned
		#1 U11
		#2 T1
		#3 U21
		#4 T2 withdrawn shown 10:00
		#5 T3`), village(), nil)
	if s.outages != 4 || s.ghosts != 1 || s.passing != 1 || s.planned != 1 || s.plannedRight != 1 || s.plannedWrong != 1 {
		t.Errorf("%+v", s)
	}
}

// What simulator run --truth writes is read back as it was told.
func TestReadTruth(t *testing.T) {
	var file bytes.Buffer
	w := simulator.NewFileTruth(&file)
	for _, err := range []error{
		w.Happened(&simulator.Happening{Device: "M1", UsagePoint: "U11", At: at(t, "10:00"), Time: at(t, "10:00"), Said: at(t, "10:00:40"), Event: headend.EventPowerDown}, simulator.FateSent),
		w.Happened(&simulator.Happening{Device: "M1", UsagePoint: "U11", At: at(t, "10:00"), Time: at(t, "10:00"), Said: at(t, "10:03:40"), Event: headend.EventPowerDown}, simulator.FateLost),
		w.Interrupted(simulator.Interruption{UsagePoint: "U11", Start: at(t, "10:00"), End: at(t, "10:30"), Lost: headend.L1, Fault: "F0001"}),
		w.Damaged(simulator.Damage{ID: "F0001", Kind: simulator.FaultOutage, Where: "T1", Start: at(t, "10:00"), End: at(t, "10:30"), Points: 2}),
		w.Flush(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	x, err := readTruth(&file)
	if err != nil {
		t.Fatal(err)
	}
	if len(x.interruptions) != 1 || x.interruptions[0].Fault != "F0001" || len(x.damages) != 1 || x.damages[0].Where != "T1" || len(x.gasps["U11"]) != 1 ||
		!x.gasps["U11"][0].Equal(at(t, "10:00:40")) || !x.from.Equal(at(t, "10:00")) || !x.to.Equal(at(t, "10:30")) {
		t.Errorf("%+v", x)
	}
	for _, text := range []string{"", "{", `{"kind":"rumour","at":"2026-05-04T10:00:00Z"}`} {
		if _, err := readTruth(strings.NewReader(text)); err == nil {
			t.Errorf("%q is taken for a truth", text)
		}
	}
}

// The ledger of a running head-end is read page by page, with how its outages were seen to grow.
func TestServer(t *testing.T) {
	answers := map[string]string{
		"/api/v1/nodes":         `{"items":[{"id":"F","kind":"feeder"},{"id":"T1","kind":"transformer","parent":"F"}]}`,
		"/api/v1/usage-points":  `{"items":[{"id":"U11","node":"T1"}],"next":"more"}`,
		"/api/v1/usage-points+": `{"items":[{"id":"U12","node":"T1"}]}`,
		"/api/v1/interruptions": `{"items":[{"usage_point":"U11","start":"2026-05-04T10:00:00Z","end":"2026-05-04T10:30:00Z","outage":7,"planned":true},{"usage_point":"U12","not_before":"2026-05-04T09:55:00Z","outage":7}],"revision":3}`,
		"/api/v1/outages":       `{"items":[{"number":7,"state":"closed","node":"T1"},{"number":8,"state":"withdrawn","usage_point":"U11"}]}`,
		"/api/v1/outages/7":     `{"changes":[{"at":"2026-05-04T10:01:00Z","state":"suspected","node":"T1"},{"at":"2026-05-04T10:31:00Z","state":"restored","node":"T1"}]}`,
		"/api/v1/outages/8":     `{"changes":[]}`,
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer lg_secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		path := r.URL.Path
		if r.URL.Query().Get("cursor") != "" {
			path += "+"
		}
		answer, ok := answers[path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, answer)
	}))
	defer web.Close()
	h := server{base: web.URL, client: web.Client()}
	if _, err := h.tree(t.Context()); err == nil || !strings.Contains(err.Error(), "--token-file") {
		t.Errorf("without a token: %v", err)
	}
	h.token = "lg_secret"
	net, err := h.tree(t.Context())
	if err != nil || net.count["F"] != 2 || net.hangs["U12"] != "T1" {
		t.Fatalf("%+v, %v", net, err)
	}
	l, err := h.ledger(t.Context(), midnight, midnight.Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if len(l.rows) != 2 || !l.rows[0].planned || !l.rows[1].start.IsZero() || l.rows[1].notBefore.IsZero() || len(l.outages) != 2 || !l.outages[8].withdrawn ||
		len(l.outages[7].shown) != 1 || l.outages[7].shown[0].node != "T1" {
		t.Errorf("%+v", l)
	}
	delete(answers, "/api/v1/nodes")
	if _, err := h.tree(t.Context()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("error is %v", err)
	}
}

func TestTokenOfScore(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("LASTGASP_TOKEN", "lg_environment")
	for name, c := range map[string]struct{ file, want, fault string }{
		"environment": {"", "lg_environment", ""},
		"file":        {file("good", "lg_file\n", 0o600), "lg_file", ""},
		"loose":       {file("loose", "lg_file\n", 0o644), "", "chmod 600"},
		"empty":       {file("empty", "\n", 0o600), "", "is empty"},
		"gone":        {filepath.Join(dir, "gone"), "", "no such file"},
	} {
		got, err := (&scoreCommand{TokenFile: c.file}).token()
		if got != c.want || (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}
