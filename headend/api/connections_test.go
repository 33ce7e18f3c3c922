package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/headend/api"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
)

func TestConnectionsSayWhatWasSaidLast(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		s.load(t, "", "", "", "G2,gateway,mqtt,,,,,,2020-01-01,\nG3,gateway,mqtt,,,,,,2020-01-01,\nRTU1,rtu,modbus,tcp://10.0.0.1:502,sel_751a,,,,2020-01-01,\n")
		say := func(device headend.DeviceID, at time.Time, word headend.EventType) {
			s.append(t, headend.Batch{Device: device, Received: at, Source: headend.Source{Protocol: "mqtt"}, Events: []headend.Event{{Time: at, Type: word, Seq: headend.NoSeq}}})
		}
		say("G1", noon, headend.EventOffline)
		say("G1", noon.Add(time.Minute), headend.EventOnline)
		say("G2", noon, headend.EventOnline)
		say("G2", noon.Add(time.Minute), headend.EventOffline)
		s.append(t, says("RTU1", noon, "v1", 230.0))
		for path, want := range map[string]string{
			"/api/v1/connections":               "G1 online 2, G2 offline 0, G3 unknown 0, RTU1 unknown 0",
			"/api/v1/connections?kind=gateway":  "G1 online 2, G2 offline 0, G3 unknown 0",
			"/api/v1/connections?link=offline":  "G2 offline 0",
			"/api/v1/connections?link=unknown":  "G3 unknown 0, RTU1 unknown 0",
			"/api/v1/connections?kind=rtu":      "RTU1 unknown 0",
			"/api/v1/connections?limit=1":       "G1 online 2",
			"/api/v1/connections?limit=2&link=": "G1 online 2, G2 offline 0",
		} {
			var page api.Page[api.Connection]
			s.read(t, path, &page)
			var got []string
			for _, c := range page.Items {
				got = append(got, fmt.Sprintf("%s %s %d", c.ID, c.Link, c.Behind))
				if heard := c.LastHeard != nil; heard != (c.ID != "G3") {
					t.Errorf("%s: %s was heard: %v", path, c.ID, heard)
				}
			}
			if strings.Join(got, ", ") != want {
				t.Errorf("%s: %s, want %s", path, strings.Join(got, ", "), want)
			}
		}
		var page api.Page[api.Connection]
		s.read(t, "/api/v1/connections?limit=2", &page)
		var rest api.Page[api.Connection]
		s.read(t, "/api/v1/connections?cursor="+page.Next, &rest)
		if len(rest.Items) != 2 || rest.Items[0].ID != "G3" || rest.Next != "" {
			t.Errorf("the second page is %+v", rest)
		}
		s.problem(t, http.MethodGet, "/api/v1/connections?kind=meter", http.StatusUnprocessableEntity, "query.kind")
	})
}

func TestUnassignedMeterIsAttached(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		s.load(t, "", "", "U4,Ông Dũng,,T2,D1,L1,2020-01-01,\n", "")
		s.append(t, says("heard/first", noon, "import_wh", 5))
		attach := func(id, body string, status int, words ...string) {
			t.Helper()
			got, _, answer := s.send(t, http.MethodPost, "/api/v1/meters/"+id+"/installations", body)
			if got != status {
				t.Errorf("%s %s: %d %s, want %d", id, body, got, answer, status)
			}
			for _, word := range words {
				if !strings.Contains(string(answer), word) {
					t.Errorf("%s %s does not say %q: %s", id, body, word, answer)
				}
			}
		}
		attach("heard%2Ffirst", `{"usage_point":"nowhere"}`, http.StatusUnprocessableEntity, "nowhere")
		attach("heard%2Ffirst", `{"usage_point":""}`, http.StatusUnprocessableEntity, "usage_point")
		attach("heard%2Ffirst", `{"usage_point":"U4","from":"yesterday"}`, http.StatusUnprocessableEntity, "body.from")
		attach("heard%2Ffirst", `{"usage_point":"U4","from":"2190-01-01"}`, http.StatusUnprocessableEntity, "future")
		attach("G1", `{"usage_point":"U4"}`, http.StatusUnprocessableEntity, "gateway")
		attach("nobody", `{"usage_point":"U4"}`, http.StatusNotFound, "nobody")
		var page api.Page[api.Device]
		s.read(t, "/api/v1/devices?state=unassigned", &page)
		if len(page.Items) != 1 {
			t.Fatalf("what was refused has changed something: %+v", page.Items)
		}
		attach("heard%2Ffirst", `{"usage_point":"U4","from":"2026-11-20T12:00:00+07:00"}`, http.StatusCreated, `"state":"active"`, `"usage_point":"U4"`, `"from":"2026-11-20T05:00:00Z"`)
		attach("heard%2Ffirst", `{"usage_point":"U4","from":"2026-11-20T12:00:00+07:00"}`, http.StatusCreated) // the same again changes nothing
		var detail struct {
			Installations []api.Installation `json:"installations"`
			LastReading   *json.RawMessage   `json:"last_reading"`
		}
		s.read(t, "/api/v1/meters/heard%2Ffirst", &detail)
		if len(detail.Installations) != 1 || detail.LastReading == nil { // what it said before is kept
			t.Errorf("got %+v", detail)
		}
	})
}

// A feeder device keeps what it stands for when it is attached.
func TestAttachKeepsTheRestOfADevice(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		rows := "id,kind,protocol,address,profile,gateway,usage_point,password,from,to,node\nHM1,meter,modbus,tcp://10.0.0.1:502?unit=2,schneider_iem3000,,,,2020-01-01,,F1\n"
		if r, err := s.store.ImportDevices(t.Context(), importer.Devices(strings.NewReader(rows), importer.Format{Zone: time.UTC}), timeseries.ImportOptions{}); err != nil || len(r.Refused) > 0 {
			t.Fatalf("%+v %v", r, err)
		}
		s.load(t, "", "", "U4,Ông Dũng,,T2,D1,L1,2020-01-01,\n", "")
		var before, after api.DeviceDetail
		s.read(t, "/api/v1/meters/HM1", &before)
		if status, _, body := s.send(t, http.MethodPost, "/api/v1/meters/HM1/installations", `{"usage_point":"U4","from":"2026-11-20"}`); status != http.StatusCreated {
			t.Fatalf("%d %s", status, body)
		}
		s.read(t, "/api/v1/meters/HM1", &after)
		before.UsagePoint, before.Name, before.Node, before.Installations = after.UsagePoint, after.Name, after.Node, after.Installations
		if diff := cmp.Diff(before, after); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSeriesAreColumns(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		s.append(t, says("M1", noon, "import_wh", 9007199254740993, "v1", 229.8), says("M1", noon.Add(time.Minute), "v1", 231.0), says("M1", noon.Add(2*time.Minute), "i1", 1.0), says("M1", noon.Add(3*time.Minute), "temperature", 31.5))
		path := "/api/v1/meters/M1/series?from=2026-11-20&to=2026-11-21&quantity="
		s.get(t, path+"v1,import_wh,temperature", `{"time":[1795150800,1795150860,1795150980],"values":{"v1":[229.8,231,null],"import_wh":[9007199254740993,null,null],"temperature":[null,null,31.5]}}`)
		s.get(t, path+"v2", `{"time":[],"values":{"v2":[]}}`)
		s.problem(t, http.MethodGet, path, http.StatusUnprocessableEntity, "quantity")
		s.problem(t, http.MethodGet, path+"V1", http.StatusUnprocessableEntity, "query.quantity")
		s.problem(t, http.MethodGet, "/api/v1/meters/M9/series?quantity=v1", http.StatusNotFound, "M9")
	})
}
