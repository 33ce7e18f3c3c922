package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"lastgasp/headend"
	"lastgasp/headend/access"
	"lastgasp/headend/access/accesstest"
	"lastgasp/headend/api"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestDevices(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		s.append(t, says("heard/first", noon, "import_wh", 5),
			says("M1", noon, "import_wh", 1000, "v1", 229.8, "temperature", 31.5), says("M1", noon.Add(time.Minute), "co2", 400.0))
		for path, want := range map[string]string{
			"/api/v1/meters":                    "M1 M2 heard/first plant/line/M3",
			"/api/v1/devices":                   "G1 M1 M2 heard/first plant/line/M3",
			"/api/v1/devices?kind=gateway":      "G1",
			"/api/v1/devices?state=unassigned":  "heard/first",
			"/api/v1/meters?usage_point=U2":     "M2",
			"/api/v1/meters?node=T1":            "M1 M2",
			"/api/v1/meters?node=S1":            "M1 M2 plant/line/M3",
			"/api/v1/meters?node=S1&q=LINE":     "plant/line/M3",
			"/api/v1/meters?q=b%C3%ACnh":        "M2",
			"/api/v1/meters?q=BINH":             "M2", // without marks, in any case
			"/api/v1/meters?q=so+1+TAM+ky":      "M1",
			"/api/v1/meters?q=S%E1%BB%90+1":     "M1", // SỐ
			"/api/v1/meters?q=s%E1%BB%91+1+tam": "M1", // of the address
			"/api/v1/meters?q=%25":              "",   // a pattern is nothing special
			"/api/v1/meters?node=nowhere":       "",
			"/api/v1/meters?usage_point=U1&q=2": "",
		} {
			var page api.Page[api.Device]
			s.read(t, path, &page)
			var ids []string
			for _, d := range page.Items {
				ids = append(ids, d.ID)
			}
			if got := strings.Join(ids, " "); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
		var detail map[string]any
		s.read(t, "/api/v1/meters/M1", &detail)
		delete(detail, "first_seen")
		want := map[string]any{"id": "M1", "kind": "meter", "state": "active", "protocol": "mqtt", "profile": "EM24", "gateway": "G1", "usage_point": "U1", "usage_point_name": "Ông An", "usage_point_address": "Số 1 Tam Kỳ", "node": "T1",
			"last_heard":    "2026-11-20T05:01:02Z",
			"last_reading":  map[string]any{"time": "2026-11-20T05:01:00Z", "received": "2026-11-20T05:01:02Z", "quality": []any{}, "values": map[string]any{"co2": 400.0}},
			"installations": []any{map[string]any{"device": "M1", "usage_point": "U1", "from": "2020-01-01T00:00:00Z"}}}
		if diff := cmp.Diff(want, detail); diff != "" {
			t.Error(diff)
		}
		var slashed api.DeviceDetail
		s.read(t, "/api/v1/meters/"+url.PathEscape("plant/line/M3"), &slashed)
		if slashed.ID != "plant/line/M3" || slashed.LastHeard != nil || slashed.LastReading != nil || slashed.UsagePoint != "U3" {
			t.Errorf("got %+v", slashed)
		}
	})
}

func TestListsHaveCursors(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		var devices strings.Builder
		for i := range 25 {
			fmt.Fprintf(&devices, "M%02d,meter,mqtt,,,,,,,\n", i)
		}
		s.load(t, "", "", "", devices.String())
		var seen []string
		for path, pages := "/api/v1/meters?limit=10", 1; ; pages++ {
			var page api.Page[api.Device]
			s.read(t, path, &page)
			for _, d := range page.Items {
				seen = append(seen, d.ID)
			}
			if page.Next == "" {
				if pages != 3 {
					t.Errorf("%d pages, want 3", pages)
				}
				break
			}
			path = "/api/v1/meters?limit=10&cursor=" + url.QueryEscape(page.Next)
		}
		if len(seen) != 25 || seen[0] != "M00" || seen[24] != "M24" {
			t.Errorf("seen %v", seen)
		}
	})
}

func TestReadingsMergeWideAndOther(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		doubtful := says("M1", noon.Add(2*time.Minute), "v1", 231.0)
		doubtful.Readings[0].Quality = headend.QualityClockDoubtful | headend.QualityCoarse
		s.append(t, says("M1", noon, "import_wh", 9007199254740993, "v1", 229.8), says("M1", noon, "temperature", 31.5),
			says("M1", noon.Add(time.Minute), "temperature", 31.25), doubtful, says("M2", noon, "v1", 1.0))
		at := func(minute int) string { return noon.Add(time.Duration(minute) * time.Minute).Format(time.RFC3339) }
		first := `{"time":"` + at(0) + `","received":"2026-11-20T05:00:02Z","quality":[],"values":{"import_wh":9007199254740993,"v1":229.8,"temperature":31.5}}`
		second := `{"time":"` + at(1) + `","received":"2026-11-20T05:01:02Z","quality":[],"values":{"temperature":31.25}}`
		third := `{"time":"` + at(2) + `","received":"2026-11-20T05:02:02Z","quality":["clock_doubtful","coarse"],"values":{"v1":231}}`
		all := "/api/v1/meters/M1/readings?from=" + at(0) + "&to=" + at(60)
		s.get(t, all, `{"items":[`+first+`,`+second+`,`+third+`]}`)
		s.get(t, all+"&quantity=v1", `{"items":[`+strings.Replace(strings.Replace(first, `"import_wh":9007199254740993,`, "", 1), `,"temperature":31.5`, "", 1)+`,`+third+`]}`)
		s.get(t, all+"&quantity=temperature,pf", `{"items":[`+strings.Replace(first, `"import_wh":9007199254740993,"v1":229.8,`, "", 1)+`,`+second+`]}`)
		s.get(t, "/api/v1/meters/M1/readings?from="+at(0)+"&to="+at(2), `{"items":[`+first+`,`+second+`]}`) // half-open
		s.get(t, "/api/v1/meters/M1/readings?from=2026-11-20&to=2026-11-21&quantity=v1&limit=1000", `{"items":[`+strings.Replace(strings.Replace(first, `"import_wh":9007199254740993,`, "", 1), `,"temperature":31.5`, "", 1)+`,`+third+`]}`)
		s.get(t, "/api/v1/meters/M1/readings?from=2025-01-01&to=2025-02-01", `{"items":[]}`)
		s.get(t, "/api/v1/meters/M1/readings?from=1970-01-01&to=1970-01-02", `{"items":[]}`)
		s.problem(t, http.MethodGet, "/api/v1/meters/M1/readings?from=1969-12-31&to=1970-01-02", http.StatusUnprocessableEntity, "before 1970")
		// An offset's plus that was not encoded, and the exact whole number in the text.
		_, _, body := s.ask(t, http.MethodGet, "/api/v1/meters/M1/readings?from=2026-11-20T12:00:00+07:00&to=2026-11-20T12:00:01+07:00")
		if !strings.Contains(string(body), `"import_wh":9007199254740993`) {
			t.Errorf("got %s", body)
		}
		var times []string
		for path := all + "&limit=1"; path != ""; {
			var page struct {
				Items []struct{ Time string }
				Next  string
			}
			s.read(t, path, &page)
			for _, r := range page.Items {
				times = append(times, r.Time)
			}
			path = ""
			if page.Next != "" {
				path = all + "&limit=1&cursor=" + page.Next
			}
		}
		if diff := cmp.Diff([]string{at(0), at(1), at(2)}, times); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPlaces(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		s.load(t, "", "T1,Trạm 1,transformer,F1,D1,630,2024-01-01,\n", "", "")
		s.get(t, "/api/v1/usage-points?node=T1&limit=1&q=AN", `{"items":[{"id":"U1","name":"Ông An","address":"Số 1 Tam Kỳ","node":"T1","organisation":"D1","phases":"L1","from":"2020-01-01T00:00:00Z"}]}`)
		s.get(t, "/api/v1/usage-points/U2", `{"id":"U2","versions":[{"id":"U2","name":"Bà Bình","node":"T1","organisation":"D1","phases":"L1,L2,L3","from":"2020-01-01T00:00:00Z"}],
			"installations":[{"device":"M2","usage_point":"U2","from":"2020-01-01T00:00:00Z"}]}`)
		var points api.Page[api.UsagePoint]
		if s.read(t, "/api/v1/usage-points?organisation=C1", &points); len(points.Items) != 3 {
			t.Errorf("below C1 are %d usage points, want 3", len(points.Items))
		}
		if _, err := s.store.ImportUsagePoints(t.Context(), importer.UsagePoints(strings.NewReader("id,name,address,node,organisation,phases,from,to,connected_kva\nU3,Cô Cúc,,T2,D1,L2,2020-01-01,,2.2\n"),
			importer.Format{Zone: time.UTC}), timeseries.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
		s.get(t, "/api/v1/usage-points?node=T2", `{"items":[{"id":"U3","name":"Cô Cúc","node":"T2","organisation":"D1","phases":"L2","connected_kva":2.2,"from":"2020-01-01T00:00:00Z"}]}`)
		s.get(t, "/api/v1/nodes?parent=F1&kind=transformer&q=1", `{"items":[{"id":"T1","name":"Trạm 1","kind":"transformer","parent":"F1","organisation":"D1","rated_kva":630,"from":"2024-01-01T00:00:00Z"}]}`)
		s.get(t, "/api/v1/nodes/T1", `{"id":"T1","versions":[{"id":"T1","name":"Trạm 1","kind":"transformer","parent":"F1","organisation":"D1","rated_kva":400,"from":"2020-01-01T00:00:00Z","to":"2024-01-01T00:00:00Z"},
			{"id":"T1","name":"Trạm 1","kind":"transformer","parent":"F1","organisation":"D1","rated_kva":630,"from":"2024-01-01T00:00:00Z"}]}`)
		s.get(t, "/api/v1/organisations", `{"items":[{"id":"C1","name":"Quảng Nam","kind":"company","from":"2020-01-01T00:00:00Z"},{"id":"D1","name":"Tam Kỳ","kind":"district","parent":"C1","from":"2020-01-01T00:00:00Z"}]}`)
	})
}

// The worked example of docs/api.md: registers every 30 minutes, one hour missing, and a meter exchanged at
// 16:40 in the middle of an hour.
func TestEnergyIsTheDifferenceOfRegistersThatWereRead(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		s.load(t, "", "", "", "M1,meter,mqtt,,EM24,G1,U1,,2020-01-01,2026-11-20T09:40:00Z\nM9,meter,mqtt,,,,U1,,2026-11-20T09:40:00Z,\n")
		for i, register := range []int{1000, 1100, 1250, 1400, -1, -1, 1900, 2100, 2150, 2500} { // 05:05, 05:35, ... 09:35
			if register >= 0 {
				s.append(t, says("M1", noon.Add(time.Duration(5+30*i)*time.Minute), "import_wh", register, "export_wh", 7))
			}
		}
		s.append(t, says("M1", noon.Add(4*time.Hour+50*time.Minute), "import_wh", 9999), // on the workbench, after it was taken down
			says("M9", noon.Add(4*time.Hour+30*time.Minute), "import_wh", 3), // before it was put up
			says("M9", noon.Add(4*time.Hour+45*time.Minute), "import_wh", 5), says("M9", noon.Add(5*time.Hour+5*time.Minute), "import_wh", 105),
			says("M9", noon.Add(6*time.Hour+5*time.Minute), "import_wh", 90), says("M9", noon.Add(6*time.Hour+35*time.Minute), "import_wh", 95))
		type item struct {
			bucket, meter, from, to string
			wh                      int64
			flags                   string
		}
		items := func(path string) (found []item) {
			var list api.EnergyList
			s.read(t, path, &list)
			for _, e := range list.Items {
				i := item{bucket: e.Bucket.Format("02T15:04"), meter: e.Meter, from: e.Import.From.Format("15:04"), to: e.Import.To.Format("15:04"), wh: -1}
				if e.Import.Wh != nil {
					i.wh = *e.Import.Wh
				}
				for name, set := range map[string]bool{"gap": e.Import.Gap, "open": e.Import.Open, "backwards": e.Import.Backwards} {
					if set {
						i.flags += name
					}
				}
				if e.Meter == "M1" && (e.Export == nil || *e.Export.Wh != 0) {
					t.Errorf("export of %s is %+v, want 0", i.bucket, e.Export)
				}
				found = append(found, i)
			}
			return found
		}
		want := []item{
			{"20T05:00", "M1", "05:05", "06:05", 250, ""},
			{"20T06:00", "M1", "06:05", "08:05", 650, "gap"},
			{"20T08:00", "M1", "08:05", "09:05", 250, ""},
			{"20T09:00", "M1", "09:05", "09:35", 350, "open"},
			{"20T09:00", "M9", "09:45", "10:05", 100, ""},
			{"20T10:00", "M9", "10:05", "11:05", -1, "backwards"},
			{"20T11:00", "M9", "11:05", "11:35", 5, "open"},
		}
		check := func(path string, want []item) {
			t.Helper()
			if diff := cmp.Diff(want, items(path), cmp.AllowUnexported(item{})); diff != "" {
				t.Errorf("%s\n%s", path, diff)
			}
		}
		hours := "/api/v1/usage-points/U1/energy?from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z"
		check(hours, want)
		check("/api/v1/usage-points/U1/energy?from=2026-11-20T06:00:00Z&to=2026-11-20T07:00:00Z", want[1:2]) // closed by what comes behind the end
		check("/api/v1/usage-points/U1/energy?by=day&from=2026-11-20&to=2026-11-21", []item{
			{"19T17:00", "M1", "05:05", "09:35", 1500, "open"}, {"19T17:00", "M9", "09:45", "11:35", 90, "open"}})
		if err := s.store.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(hours, want) // the same from settled roll-ups
		// A day ends where it ends in Vietnam.
		s.append(t, says("M9", time.Date(2026, 11, 20, 17, 5, 0, 0, time.UTC), "import_wh", 595))
		check("/api/v1/usage-points/U1/energy?by=day&from=2026-11-20&to=2026-11-22", []item{
			{"19T17:00", "M1", "05:05", "09:35", 1500, "open"}, {"19T17:00", "M9", "09:45", "17:05", 590, ""}, {"20T17:00", "M9", "17:05", "17:05", 0, "open"}})
	})
}

func TestLoadSumsWhatReported(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		// U3 moves from T2 to T1 at 07:00 UTC.
		s.load(t, "", "", "U3,Cô Cúc,,T1,D1,L2,2026-11-20T07:00:00Z,\n", "")
		for hour := range 4 {
			at := noon.Add(time.Duration(hour)*time.Hour + time.Minute)
			s.append(t, says("M1", at, "import_wh", 1000+hour*100, "export_wh", hour), says("plant/line/M3", at, "import_wh", 500+hour*10))
			if hour != 1 {
				s.append(t, says("M2", at, "import_wh", 100+hour))
			}
		}
		hours := "/load?from=2026-11-20T05:00:00Z&to=2026-11-20T09:00:00Z"
		s.get(t, "/api/v1/nodes/T1"+hours, `{"node":"T1","items":[
			{"hour":"2026-11-20T05:00:00Z","import_wh":100,"export_wh":1,"reported":1,"usage_points":2},
			{"hour":"2026-11-20T06:00:00Z","import_wh":100,"export_wh":1,"reported":1,"usage_points":2},
			{"hour":"2026-11-20T07:00:00Z","import_wh":111,"export_wh":1,"reported":3,"usage_points":3},
			{"hour":"2026-11-20T08:00:00Z","reported":0,"usage_points":3}]}`)
		s.get(t, "/api/v1/nodes/T2"+hours, `{"node":"T2","items":[
			{"hour":"2026-11-20T05:00:00Z","import_wh":10,"export_wh":0,"reported":1,"usage_points":1},
			{"hour":"2026-11-20T06:00:00Z","import_wh":10,"export_wh":0,"reported":1,"usage_points":1},
			{"hour":"2026-11-20T07:00:00Z","reported":0,"usage_points":0},
			{"hour":"2026-11-20T08:00:00Z","reported":0,"usage_points":0}]}`)
		// Hours that begin in the time.
		s.get(t, "/api/v1/nodes/S1/load?from=2026-11-20T05:10:00Z&to=2026-11-20T06:10:00Z", `{"node":"S1","items":[{"hour":"2026-11-20T06:00:00Z","import_wh":110,"export_wh":1,"reported":2,"usage_points":3}]}`)
	})
}

func TestEvents(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		b := says("M1", noon)
		b.Gateway = "G1"
		b.Events = []headend.Event{
			{Time: noon, Type: headend.EventPowerDown, Seq: 17},
			{Time: noon.Add(time.Minute), Type: headend.EventPowerFailure, Seq: headend.NoSeq, Duration: 90500 * time.Millisecond, Phases: headend.L1 | headend.L3, Detail: `{"log":3}`},
			{Time: noon.Add(2 * time.Minute), Type: headend.EventTamper, Seq: headend.NoSeq, Detail: `{"cut":`},
		}
		other := says("M2", noon)
		other.Events = []headend.Event{{Time: noon, Type: headend.EventPowerDown, Seq: 1, Quality: headend.QualityReceivedTime}}
		s.append(t, b, other)
		day := "from=2026-11-20&to=2026-11-21"
		first := `{"device":"M1","gateway":"G1","time":"2026-11-20T05:00:00Z","received":"2026-11-20T05:00:02Z","event":"power_down","seq":17,"quality":[]}`
		second := `{"device":"M2","time":"2026-11-20T05:00:00Z","received":"2026-11-20T05:00:02Z","event":"power_down","seq":1,"quality":["received_time"]}`
		third := `{"device":"M1","gateway":"G1","time":"2026-11-20T05:01:00Z","received":"2026-11-20T05:00:02Z","event":"power_failure","duration_s":90.5,"phases":"L1,L3","detail":{"log":3},"quality":[]}`
		fourth := `{"device":"M1","gateway":"G1","time":"2026-11-20T05:02:00Z","received":"2026-11-20T05:00:02Z","event":"tamper","detail":"{\"cut\":","quality":[]}`
		s.get(t, "/api/v1/events?"+day, `{"items":[`+first+`,`+second+`,`+third+`,`+fourth+`]}`)
		s.get(t, "/api/v1/events?device=M2&"+day, `{"items":[`+second+`]}`)
		s.get(t, "/api/v1/meters/M1/events?event=power_down&"+day, `{"items":[`+first+`]}`)
		var seen []string
		for path := "/api/v1/events?limit=1&" + day; path != ""; {
			var page struct {
				Items []struct{ Device, Event string }
				Next  string
			}
			s.read(t, path, &page)
			for _, e := range page.Items {
				seen = append(seen, e.Device+" "+e.Event)
			}
			path = ""
			if page.Next != "" {
				path = "/api/v1/events?limit=1&" + day + "&cursor=" + page.Next
			}
		}
		if diff := cmp.Diff([]string{"M1 power_down", "M2 power_down", "M1 power_failure", "M1 tamper"}, seen); diff != "" {
			t.Error(diff)
		}
	})
}

// An RTU has no usage point, and one that was moved says what it says of another node from then on.
func TestEventsOfADeviceAndOfANode(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		rows := "id,kind,protocol,address,profile,gateway,usage_point,password,from,to,node\n" +
			"RTU-1,rtu,modbus,tcp://127.0.0.1:1502?unit=1,sel_751a,,,,2020-01-01,2026-11-20T06:00:00Z,F1\n" +
			"RTU-1,rtu,modbus,tcp://127.0.0.1:1502?unit=1,sel_751a,,,,2026-11-20T06:00:00Z,,T2\n" +
			"HM-1,meter,modbus,tcp://127.0.0.1:1502?unit=2,schneider_iem3000,,,,2020-01-01,,F1\n"
		if r, err := s.store.ImportDevices(t.Context(), importer.Devices(strings.NewReader(rows), importer.Format{Zone: time.UTC}), timeseries.ImportOptions{}); err != nil || len(r.Refused) > 0 {
			t.Fatalf("%+v %v", r, err)
		}
		if err := s.store.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		said := func(device headend.DeviceID, at time.Time, event headend.EventType) headend.Batch {
			b := says(device, at)
			b.Events = []headend.Event{{Time: at, Type: event, Seq: headend.NoSeq, Quality: headend.QualityReceivedTime}}
			return b
		}
		s.append(t, said("RTU-1", noon, headend.EventBreakerClosed), said("RTU-1", noon.Add(30*time.Minute), headend.EventBreakerOpen),
			said("RTU-1", noon.Add(90*time.Minute), headend.EventBreakerUnknown), said("HM-1", noon.Add(time.Minute), headend.EventSupplyPresent), said("M1", noon, headend.EventPowerDown))
		for path, want := range map[string][]string{
			"devices/RTU-1/events":                    {"RTU-1 breaker_closed", "RTU-1 breaker_open", "RTU-1 breaker_unknown"},
			"devices/RTU-1/events?event=breaker_open": {"RTU-1 breaker_open"},
			"devices/M1/events":                       {"M1 power_down"},
			"nodes/F1/events":                         {"RTU-1 breaker_closed", "HM-1 supply_present", "RTU-1 breaker_open"},
			"nodes/T2/events":                         {"RTU-1 breaker_unknown"},
			"nodes/T1/events":                         nil,
			"events?node=F1&device=HM-1":              {"HM-1 supply_present"},
		} {
			if diff := cmp.Diff(want, s.said(t, path)); diff != "" {
				t.Errorf("%s:\n%s", path, diff)
			}
		}
		s.problem(t, http.MethodGet, "/api/v1/meters/RTU-1/events", http.StatusNotFound, "RTU-1")
		s.problem(t, http.MethodGet, "/api/v1/devices/nobody/events", http.StatusNotFound, "nobody")
		s.problem(t, http.MethodGet, "/api/v1/nodes/nowhere/events", http.StatusNotFound, "nowhere")
	})
}

// said walks the pages of a list of the day's events, two at a time.
func (s *server) said(t *testing.T, path string) (seen []string) {
	t.Helper()
	joint := "?"
	if strings.Contains(path, "?") {
		joint = "&"
	}
	path = "/api/v1/" + path + joint + "limit=2&from=2026-11-20&to=2026-11-21"
	for cursor := ""; ; {
		var page struct {
			Items []struct{ Device, Event string }
			Next  string
		}
		s.read(t, path+cursor, &page)
		for _, e := range page.Items {
			seen = append(seen, e.Device+" "+e.Event)
		}
		if page.Next == "" {
			return seen
		}
		cursor = "&cursor=" + page.Next
	}
}

func TestQuarantineAndReplay(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		long := strings.Repeat("x", 3000)
		source := headend.Source{Protocol: "mqtt", Address: "ami/v1/M1/reads"}
		s.append(t, headend.Refused("M1", noon, source, []byte(`{"time":`), headend.ReasonMalformed, "cut off"),
			headend.Refused("", noon, source, []byte{0xff, 0}, headend.ReasonNoCodec, "no filter"), headend.Refused("M1", noon, source, []byte(long), headend.ReasonMalformed, "long"))
		var page api.Page[api.Quarantined]
		s.read(t, "/api/v1/quarantine", &page)
		if len(page.Items) != 3 || page.Items[0].Bytes != 3000 || len(page.Items[0].Raw) != 1024 || page.Items[1].Text != "" || page.Items[2].Text != `{"time":` {
			t.Fatalf("list: %+v", page.Items)
		}
		number := page.Items[2].Number
		one := fmt.Sprintf("/api/v1/quarantine/%d", number)
		s.get(t, one, fmt.Sprintf(`{"number":%d,"received":"2026-11-20T05:00:00Z","device":"M1","protocol":"mqtt","address":"ami/v1/M1/reads","reason":"malformed","detail":"cut off","bytes":8,"raw":"eyJ0aW1lIjo=","text":"{\"time\":"}`, number))
		var whole api.Quarantined
		if s.read(t, fmt.Sprintf("/api/v1/quarantine/%d", page.Items[0].Number), &whole); string(whole.Raw) != long {
			t.Errorf("whole message has %d bytes", len(whole.Raw))
		}
		for filter, want := range map[string]int{"reason=no_codec": 1, "reason=malformed": 2, "device=M1": 2, "limit=1": 1, "reason=none": 0} {
			var some api.Page[api.Quarantined]
			if s.read(t, "/api/v1/quarantine?"+filter, &some); len(some.Items) != want {
				t.Errorf("%s: %d items, want %d", filter, len(some.Items), want)
			}
		}
		s.replay = func(context.Context, headend.Quarantined) ([]headend.Refusal, error) {
			return []headend.Refusal{{Reason: headend.ReasonMalformed, Detail: "still cut off"}}, nil
		}
		s.problem(t, http.MethodPost, one+"/replay", http.StatusUnprocessableEntity, "it still cannot be used", "still cut off")
		s.replay = func(context.Context, headend.Quarantined) ([]headend.Refusal, error) {
			return nil, fmt.Errorf("store: %w", headend.ErrAway)
		}
		s.problem(t, http.MethodPost, one+"/replay", http.StatusServiceUnavailable)
		s.replay = func(_ context.Context, q headend.Quarantined) ([]headend.Refusal, error) {
			if q.Number != number || string(q.Raw) != `{"time":` || q.Source != source {
				t.Errorf("replayed %+v", q)
			}
			return nil, nil
		}
		if status, _, body := s.ask(t, http.MethodPost, one+"/replay"); status != http.StatusOK {
			t.Errorf("replay: %d %s", status, body)
		}
		s.problem(t, http.MethodPost, one+"/replay", http.StatusConflict, "it was replayed at 20")
		if s.read(t, "/api/v1/quarantine", &page); len(page.Items) != 2 {
			t.Errorf("after the replay %d wait, want 2", len(page.Items))
		}
		if s.read(t, "/api/v1/quarantine?replayed=true", &page); len(page.Items) != 3 {
			t.Errorf("in all there are %d, want 3", len(page.Items))
		}
	})
}

func TestBadRequestsGetAClearProblem(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		s.append(t, says("M1", noon, "import_wh", 5))
		var first api.Page[api.Device]
		s.read(t, "/api/v1/devices?limit=1", &first)
		for path, c := range map[string]struct {
			status int
			words  string
		}{
			"/api/v1/meters/M1/readings?from=2026-11-21&to=2026-11-20":            {422, "is not before to"},
			"/api/v1/meters/M1/readings?from=2026-11-21&to=2026-11-21":            {422, "is not before to"},
			"/api/v1/meters/M1/readings?from=yesterday":                           {422, "query.from"},
			"/api/v1/meters/M1/readings?to=1066-10-14":                            {422, "before 1970"},
			"/api/v1/meters/M1/readings?to=2026-11-20T25:00:00Z":                  {422, "neither a time"},
			"/api/v1/meters/M1/readings?quantity=warp":                            {422, `unknown quantity \"warp\"`},
			"/api/v1/meters/M1/readings?quantity=V1":                              {422, "not the name of a quantity"},
			"/api/v1/meters/M1/readings?quantity=v1)%20IS%20NULL%20OR%20(1=1":     {422, "not the name of a quantity"},
			"/api/v1/meters/M1/readings?limit=0":                                  {422, "query.limit"},
			"/api/v1/meters/M1/readings?limit=1001":                               {422, "query.limit"},
			"/api/v1/meters/M1/readings?limit=999999999999999999999":              {422, "limit"},
			"/api/v1/meters/M1/readings?limit=ten":                                {422, "query.limit"},
			"/api/v1/meters/M1/readings?cursor=Li4uLw":                            {422, "query.cursor"},
			"/api/v1/meters/M1/readings?cursor=%00":                               {400, "NUL"},
			"/api/v1/meters?cursor=" + first.Next:                                 {422, "query.cursor"}, // of another list
			"/api/v1/meters?cursor=!!":                                            {422, "query.cursor"},
			"/api/v1/meters?stat=active":                                          {422, "stat"},
			"/api/v1/meters?state=broken":                                         {422, "query.state"},
			"/api/v1/meters?q=%ff":                                                {400, "UTF-8"},
			"/api/v1/meters?limit=1&limit=2":                                      {400, "2 times"},
			"/api/v1/meters?q=" + strings.Repeat("x", 200):                        {422, "query.q"},
			"/api/v1/meters/M9":                                                   {404, `unknown meter \"M9\"`},
			"/api/v1/meters/G1":                                                   {404, `unknown meter \"G1\"`},
			"/api/v1/meters/M9/readings":                                          {404, `unknown`},
			"/api/v1/meters/M9/events":                                            {404, `unknown`},
			"/api/v1/meters/M1'%20OR%20'1'='1":                                    {404, `unknown`},
			"/api/v1/meters/%00":                                                  {400, "NUL"},
			"/api/v1/meters/" + strings.Repeat("M", 300):                          {422, "path.id"},
			"/api/v1/devices/x":                                                   {404, `unknown device \"x\"`},
			"/api/v1/usage-points/x":                                              {404, `unknown usage point`},
			"/api/v1/usage-points/x/energy":                                       {404, `unknown usage point`},
			"/api/v1/usage-points/U1/energy?by=week":                              {422, "query.by"},
			"/api/v1/usage-points/U1/energy?from=2020-01-01&to=2026-01-01":        {422, "at most 92 days"},
			"/api/v1/usage-points/U1/energy?by=day&from=1990-01-01&to=2026-01-01": {422, "at most 3660 days"},
			"/api/v1/nodes/x":                                                     {404, `unknown node`},
			"/api/v1/nodes/x/load":                                                {404, `unknown node`},
			"/api/v1/nodes/T1/load?from=2026-01-01&to=2026-06-01":                 {422, "at most 31 days"},
			"/api/v1/events?device=M1&from=2026-11-21&to=2026-11-20":              {422, "is not before to"},
			"/api/v1/quarantine/7":                                                {404, "unknown quarantined message"},
			"/api/v1/quarantine/seven":                                            {422, "path.number"},
			"/api/v1/quarantine?replayed=perhaps":                                 {422, "query.replayed"},
			"/api/v2/meters":                                                      {404, "openapi.json"},
			"/docs":                                                               {404, "openapi.json"},
			"/":                                                                   {404, "openapi.json"},
		} {
			s.problem(t, http.MethodGet, path, c.status, c.words)
		}
		s.problem(t, http.MethodPost, "/api/v1/meters", http.StatusMethodNotAllowed, "POST is not allowed here; GET is")
		s.problem(t, http.MethodGet, "/api/v1/quarantine/7/replay", http.StatusMethodNotAllowed)
		s.problem(t, http.MethodPost, "/api/v1/quarantine/7/replay", http.StatusNotFound)
		if status, _, body := s.ask(t, http.MethodPost, "/api/v1/quarantine/7/replay", "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
			t.Errorf("a page of another site got %d %s", status, body)
		}
	})
}

func TestReadinessNamesWhatIsNot(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for _, path := range []string{"/healthz", "/readyz"} {
			s.get(t, path, `{"status":"ok"}`)
		}
		s.ready = func(context.Context) error { return errors.New("no connection to ssl://field:8883 since 10:00") }
		s.problem(t, http.MethodGet, "/readyz", http.StatusServiceUnavailable, "broker field", "no connection to ssl://field:8883 since 10:00")
		s.get(t, "/healthz", `{"status":"ok"}`)
		status, _, body := s.ask(t, http.MethodGet, "/metrics")
		if status != http.StatusOK || !strings.Contains(string(body), `lastgasp_http_request_seconds_count{route="GET /readyz",status="503"} 1`) {
			t.Errorf("metrics: %d\n%s", status, body)
		}
	})
}

func TestADatabaseThatIsGoneIsSaid(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, engine timeseries.Engine) {
		own, err := storetest.Start(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		s := serve(t, storetest.OpenURL(t, own.Database(t), timeseries.Options{Engine: engine}), api.Options{})
		s.grid(t)
		if err := own.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.problem(t, http.MethodGet, "/api/v1/meters", http.StatusServiceUnavailable, "the database does not answer")
		s.problem(t, http.MethodGet, "/readyz", http.StatusServiceUnavailable, "database")
		s.get(t, "/healthz", `{"status":"ok"}`)
		if err := own.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.get(t, "/readyz", `{"status":"ok"}`)
		var page api.Page[api.Device]
		s.read(t, "/api/v1/meters", &page)
		if err := own.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// A store whose questions are as slow as the test wants; what is asked is the real one.
type slowStore struct {
	*timeseries.Store
	asked  chan struct{}
	answer chan struct{}
}

func (s *slowStore) Organisations(ctx context.Context, after string, limit int) ([]headend.Organisation, error) {
	s.asked <- struct{}{}
	select {
	case <-s.answer:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.Store.Organisations(ctx, after, limit)
}

func TestQuestionsAreBounded(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	slow := &slowStore{Store: store, asked: make(chan struct{}, 8), answer: make(chan struct{})}
	a, err := api.New(api.Options{Access: accesstest.Doors(t, store), Listen: "127.0.0.1:0", Store: slow, Questions: 1, QuestionTimeout: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	<-a.Started()
	s := &server{store: store}
	s.Server = newClientFor(t, a.Address())
	first := make(chan int, 1)
	go func() {
		answer, err := http.Get("http://" + a.Address() + "/api/v1/organisations")
		if err != nil {
			first <- 0
			return
		}
		first <- answer.StatusCode
		answer.Body.Close()
	}()
	<-slow.asked
	s.problem(t, http.MethodGet, "/api/v1/nodes", http.StatusServiceUnavailable, "too many questions") // the one place is taken
	slow.answer <- struct{}{}
	if status := <-first; status != http.StatusOK {
		t.Errorf("the slow question got %d", status)
	}
	var page api.Page[api.Node]
	s.read(t, "/api/v1/nodes", &page) // the place is free again
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
	s.Client().CloseIdleConnections()
}

// Readers that ask for a large answer and take none of it hold no place among the questions.
func TestSlowReadersKeepNobodyFromAsking(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	filling := &server{store: store}
	var organisations strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&organisations, "C%04d,%s,company,,2020-01-01,\n", i, strings.Repeat("x", 490))
	}
	filling.load(t, organisations.String(), "", "", "")
	writing := make(chan struct{}, 8)
	a, err := api.New(api.Options{Access: accesstest.Doors(t, store), Listen: "127.0.0.1:0", Store: store, Questions: 2, QuestionTimeout: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	// A writer that blocks at the first byte is a reader that takes none, however much the kernel would buffer.
	release := make(chan struct{})
	outer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Slow") != "" {
			w = &blockedWriter{w, writing, release}
		}
		a.Handler().ServeHTTP(w, r)
	}))
	defer outer.Close()
	defer close(release)
	var readers []net.Conn
	for range 8 {
		conn, err := net.Dial("tcp", outer.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, conn)
		if _, err := fmt.Fprint(conn, "GET /api/v1/organisations?limit=1000 HTTP/1.1\r\nHost: localhost\r\nX-Slow: yes\r\nAuthorization: Bearer "+accesstest.Token()+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range readers {
		select {
		case <-writing: // its answer is being written, and nobody reads it
		case <-time.After(20 * time.Second):
			t.Fatalf("only %d of %d slow readers were answered: they hold the places", i, len(readers))
		}
	}
	s := &server{Server: outer}
	var page api.Page[api.Node]
	s.read(t, "/api/v1/nodes", &page)
	for _, conn := range readers {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

// blockedWriter writes nothing until it is released, as a connection whose buffers are full.
type blockedWriter struct {
	http.ResponseWriter
	writing chan<- struct{}
	release <-chan struct{}
}

func (w *blockedWriter) Write(p []byte) (int, error) {
	w.writing <- struct{}{}
	<-w.release
	return w.ResponseWriter.Write(p)
}

func TestOtherHostsAreRefused(t *testing.T) {
	s := serve(t, storetest.Open(t, timeseries.Postgres), api.Options{Listen: "headend:8080", Hosts: []string{"ami.example.vn"}})
	for host, want := range map[string]int{"localhost": 200, "LOCALHOST:9": 200, "127.0.0.1:80": 200, "[::1]:80": 200, "headend:80": 200, "ami.example.vn": 200, "AMI.example.vn.:443": 200,
		"evil.example": 421, "evil.example:8080": 421, "localhost.evil.example": 421, "192.0.2.7": 421, "127.0.0.1.evil.example": 421} {
		for _, path := range []string{"/api/v1/meters", "/metrics"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = host
			request.Header.Set("Authorization", "Bearer "+accesstest.Token())
			answer, err := s.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != want {
				t.Errorf("%s for host %s: %d, want %d", path, host, answer.StatusCode, want)
			}
		}
	}
}

func TestTheServerGivesUpTooSlowAQuestion(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		s := serve(t, store, api.Options{QuestionTimeout: time.Nanosecond})
		s.problem(t, http.MethodGet, "/api/v1/meters", http.StatusGatewayTimeout, "the question took more than 1ns")
	})
}

func TestAnAddressInUseIsSaid(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	taken := newClientFor(t, "")
	a, err := api.New(api.Options{Access: access.New(nil, access.Options{}), Listen: strings.TrimPrefix(taken.URL, "http://")})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "set http.listen to another") {
		t.Errorf("error %v", err)
	}
	taken.Close()
}

func TestOpenAPIDescribesEverything(t *testing.T) {
	s := serve(t, storetest.Open(t, timeseries.Postgres), api.Options{})
	status, kind, body := s.ask(t, http.MethodGet, "/api/v1/openapi.json")
	if status != http.StatusOK || !strings.Contains(kind, "json") {
		t.Fatalf("%d %s", status, kind)
	}
	var document struct {
		OpenAPI    string
		Info       struct{ Title, Version string }
		Paths      map[string]map[string]operation
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1.") || document.Info.Title == "" || document.Info.Version == "" {
		t.Errorf("head is %q %+v", document.OpenAPI, document.Info)
	}
	ids := map[string]bool{}
	for path, methods := range document.Paths {
		for method, o := range methods {
			checkOperation(t, method+" "+path, o)
			if ids[o.OperationID] {
				t.Errorf("operation id %q is used twice", o.OperationID)
			}
			ids[o.OperationID] = true
		}
	}
	for _, path := range []string{"/meters", "/meters/{id}", "/meters/{id}/readings", "/meters/{id}/events", "/devices", "/devices/{id}", "/devices/{id}/events", "/usage-points", "/usage-points/{id}",
		"/usage-points/{id}/energy", "/nodes", "/nodes/{id}", "/nodes/{id}/load", "/nodes/{id}/events", "/organisations", "/events", "/quarantine", "/quarantine/{number}", "/quarantine/{number}/replay",
		"/outages", "/outages/{number}", "/interruptions", "/plans", "/plans/{id}", "/stream",
		"/webhooks", "/webhooks/{number}", "/webhooks/{number}/deliveries/{delivery}/redeliver"} {
		if document.Paths["/api/v1"+path] == nil {
			t.Errorf("%s is not described", path)
		}
	}
	var all any
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	checkReferences(t, all, document.Components.Schemas)
}

type operation struct {
	OperationID string
	Summary     string
	Parameters  []struct {
		Name, In string
		Required bool
		Schema   map[string]any
	}
	Responses map[string]struct{ Content map[string]any }
}

// checkOperation: every {name} of the path is a required parameter, every parameter has a schema, and there
// are answers for success and for problems.
func checkOperation(t *testing.T, name string, o operation) {
	t.Helper()
	if o.OperationID == "" || o.Summary == "" || len(o.Responses) == 0 {
		t.Errorf("%s: %+v", name, o)
	}
	inPath := map[string]bool{}
	for _, p := range o.Parameters {
		if p.Name == "" || p.Schema == nil || p.In != "path" && p.In != "query" && p.In != "header" {
			t.Errorf("%s: parameter %+v", name, p)
		}
		inPath[p.Name] = p.In == "path" && p.Required
	}
	for _, part := range strings.Split(name, "/") {
		if strings.HasPrefix(part, "{") && !inPath[strings.Trim(part, "{}")] {
			t.Errorf("%s: %s is no required parameter", name, part)
		}
	}
	status, kind := "200", "application/json"
	switch o.OperationID {
	case "decide-outage", "ping-webhook", "redeliver":
		status = "202"
	case "add-webhook", "attach-meter":
		status = "201"
	case "drop-webhook":
		if _, ok := o.Responses["204"]; !ok {
			t.Errorf("%s: no 204", name)
		}
		return
	case "export-audit":
		kind = "application/x-ndjson"
	case "follow-outages":
		kind = "text/event-stream"
	}
	if r, ok := o.Responses["204"]; ok && r.Content == nil {
		return // nothing is answered
	}
	if r, ok := o.Responses["303"]; ok && r.Content == nil {
		return // a browser is sent on
	}
	if r, ok := o.Responses[status]; !ok || r.Content[kind] == nil {
		t.Errorf("%s: no %s for %s", name, kind, status)
	}
	if r, ok := o.Responses["default"]; !ok || r.Content["application/problem+json"] == nil {
		t.Errorf("%s: no problem document", name)
	}
}

func checkReferences(t *testing.T, node any, schemas map[string]any) {
	t.Helper()
	switch n := node.(type) {
	case map[string]any:
		if ref, ok := n["$ref"].(string); ok {
			if _, there := schemas[strings.TrimPrefix(ref, "#/components/schemas/")]; !there {
				t.Errorf("%s leads nowhere", ref)
			}
		}
		for _, inner := range n {
			checkReferences(t, inner, schemas)
		}
	case []any:
		for _, inner := range n {
			checkReferences(t, inner, schemas)
		}
	}
}
