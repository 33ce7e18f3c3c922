package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/access/accesstest"
	"lastgasp/headend/api"
	"lastgasp/headend/billing/office"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// clerk is a small office with an API before it: three usage points with a register each half hour of two days in October.
type clerk struct {
	*httptest.Server
	store  *timeseries.Store
	office *office.Office
	zone   *time.Location
}

func newClerk(t *testing.T, engine timeseries.Engine) *clerk {
	t.Helper()
	store := storetest.OpenURL(t, startServer(t).Database(t), timeseries.Options{Engine: engine})
	zone, err := time.LoadLocation(store.Zone())
	if err != nil {
		t.Fatal(err)
	}
	c := &clerk{store: store, zone: zone}
	format := importer.Format{Zone: zone}
	imported := func(done headend.Imported, err error) {
		t.Helper()
		if err != nil || len(done.Refused) > 0 {
			t.Fatalf("import: %+v %v", done, err)
		}
	}
	text := strings.NewReader
	o := timeseries.ImportOptions{}
	imported(store.ImportOrganisations(t.Context(), importer.Organisations(text("id,name,kind,parent,from,to\nD1,Núi Thành,district,,,\nD2,Duy Xuyên,district,,,\n"), format), o))
	imported(store.ImportNodes(t.Context(), importer.Nodes(text("id,name,kind,parent,organisation,rated_kva,from,to\nT1,T1,transformer,,D1,,,\n"), format), o))
	imported(store.ImportUsagePoints(t.Context(), importer.UsagePoints(text("id,name,address,node,organisation,phases,from,to\nU1,,,T1,D1,L1,,\nU2,,,T1,D1,L1,,\nU3,,,T1,D2,L1,,\n"), format), o))
	imported(store.ImportDevices(t.Context(), importer.Devices(text("id,kind,protocol,address,profile,gateway,usage_point,password,from,to\n"+
		"G1,gateway,mqtt,,,,,,,\nM1,meter,mqtt,,,G1,U1,,,\nM2,meter,mqtt,,,G1,U2,,,\nM3,meter,mqtt,,,G1,U3,,,\n"), format), o))
	settings := office.DefaultSettings()
	settings.LookBack = 400 * 24 * time.Hour
	if c.office, err = office.New(store, office.Options{Settings: settings, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	a, err := api.New(api.Options{Access: accesstest.Doors(t, store), Accounts: store, Store: store, Outages: store, Billing: billingAnswers{Store: store, office: c.office, inTime: settings.InTime}, Zone: zone, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c.Server = httptest.NewServer(a.Handler())
	t.Cleanup(c.Close)
	return c
}

func (c *clerk) at(day, hour, minute int) time.Time {
	return time.Date(2026, 10, day, hour, minute, 0, 0, c.zone)
}

// send stores registers of a meter for each half hour of two days, 100 Wh each, without those that are lost.
func (c *clerk) send(t *testing.T, meter headend.DeviceID, lost func(time.Time) bool) {
	t.Helper()
	b := headend.Batch{Device: meter, Gateway: "G1"}
	wh := int64(1000)
	for at := c.at(1, 0, 0); !at.After(c.at(3, 0, 0)); at = at.Add(30 * time.Minute) {
		if !lost(at) {
			b.Received = at.Add(time.Minute)
			b.Readings = append(b.Readings, headend.Reading{Time: at.UTC(), Quantity: headend.ImportWh, Value: headend.Whole(wh)})
		}
		wh += 100
	}
	if _, err := c.store.Append(t.Context(), []headend.Batch{b}); err != nil {
		t.Fatal(err)
	}
}

// ask returns the answer; a body makes it a POST.
func (c *clerk) ask(t *testing.T, path, accept, body string) (status int, header http.Header, answer []byte) {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(t.Context(), method, c.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := accesstest.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, answer
}

func (c *clerk) read(t *testing.T, path string, into any) {
	t.Helper()
	status, _, body := c.ask(t, path, "", "")
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, body)
	}
}

func never(time.Time) bool { return false }

func TestTheClerkPullsWhatIsBilled(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, engine timeseries.Engine) {
		t.Parallel()
		c := newClerk(t, engine)
		noon := c.at(1, 12, 0)
		c.send(t, "M1", never)
		c.send(t, "M2", func(at time.Time) bool { return at.Equal(noon) })
		c.send(t, "M3", func(at time.Time) bool { return at.Equal(c.at(3, 0, 0)) })

		type register struct {
			UsagePoint string `json:"usage_point"`
			Wh         *int64
			How        string
			Absent     string
		}
		var page struct {
			Items []register
			Next  string
		}
		c.read(t, "/api/v1/billing/registers?at=2026-10-03&limit=2", &page)
		if len(page.Items) != 2 || page.Items[0].How != "exact" || *page.Items[0].Wh != 10_600 || page.Next == "" {
			t.Errorf("registers %+v", page)
		}
		next := page.Next
		page.Items, page.Next = nil, ""
		c.read(t, "/api/v1/billing/registers?at=2026-10-03&limit=2&cursor="+next, &page)
		if len(page.Items) != 1 || page.Items[0].UsagePoint != "U3" || page.Items[0].Wh != nil || page.Items[0].Absent != "no_register" || page.Next != "" {
			t.Errorf("last page of registers %+v", page)
		}
		if _, header, body := c.ask(t, "/api/v1/billing/registers?at=2026-10-02&organisation=D1", "application/x-ndjson", ""); bytes.Count(body, []byte("\n")) != 2 || header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("registers of D1: %s %s", header.Get("Content-Type"), body)
		}

		var account struct {
			Consumption struct{ Wh *int64 }
			Counts      struct{ Measured, Estimated, Missing int }
			Values      []struct{ State, Method string }
		}
		c.read(t, "/api/v1/billing/consumption?usage_point=U2&from=2026-10-01&to=2026-10-02&values=true", &account)
		if account.Consumption.Wh == nil || *account.Consumption.Wh != 4800 || account.Counts.Measured != 46 || account.Counts.Estimated != 2 || len(account.Values) != 48 || account.Values[23].Method == "" {
			t.Errorf("consumption of U2 %+v", account)
		}

		first := c.run(t, `{"from":"2026-10-01","to":"2026-10-03","by":"test","values":true}`)
		if first.Lines != 3 || first.Passed != 2 || first.Held != 1 || first.By != "test" { // U3 has no register at its end; of U2 2 of 96 intervals are estimated, 5 % are allowed
			t.Errorf("run %+v", first)
		}
		path := "/api/v1/billing/runs/" + first.ID
		_, header, bytesOfFirst := c.ask(t, path+"/snapshot", "", "")
		if sum := sha256.Sum256(bytesOfFirst); hex.EncodeToString(sum[:]) != first.ID || header.Get("ETag") != `"`+first.ID+`"` || int64(len(bytesOfFirst)) != first.Bytes {
			t.Errorf("the snapshot of %s has hash %x, %d bytes, ETag %s", first.ID, sum, len(bytesOfFirst), header.Get("ETag"))
		}

		if _, err := c.store.Append(t.Context(), []headend.Batch{{Device: "M2", Gateway: "G1", Received: time.Now(),
			Readings: []headend.Reading{{Time: noon.UTC(), Quantity: headend.ImportWh, Value: headend.Whole(3450)}}}}); err != nil {
			t.Fatal(err)
		}
		second := c.run(t, `{"from":"2026-10-01","to":"2026-10-03","by":"test","values":true}`)
		_, _, changes := c.ask(t, "/api/v1/billing/runs/"+second.ID+"/changes?since="+first.ID, "", "")
		var change struct {
			UsagePoint string `json:"usage_point"`
			Values     []struct {
				Before, After struct {
					State string
					Wh    int64
				}
			}
		}
		if bytes.Count(changes, []byte("\n")) != 1 || json.Unmarshal(changes, &change) != nil || change.UsagePoint != "U2" || len(change.Values) != 2 ||
			change.Values[0].Before.State != "estimated" || change.Values[0].After.State != "measured" || change.Values[0].After.Wh != 150 {
			t.Errorf("changes %s", changes)
		}
		if _, _, again := c.ask(t, path+"/snapshot", "", ""); !bytes.Equal(again, bytesOfFirst) {
			t.Error("the former snapshot has other bytes than before")
		}
		var list api.Page[api.Run]
		c.read(t, "/api/v1/billing/runs", &list)
		if len(list.Items) != 2 || list.Items[0].ID != second.ID {
			t.Errorf("runs %+v", list)
		}
		var versions api.ValueVersionList
		c.read(t, "/api/v1/billing/versions?usage_point=U2&from=2026-10-01&to=2026-10-03", &versions)
		if len(versions.Items) != 4 || versions.Items[0].State != "estimated" || versions.Items[1].State != "measured" || versions.Items[1].Version != 2 || versions.Items[1].Wh != 150 {
			t.Errorf("versions %+v", versions)
		}
	})
}

// run asks for a run and has it made, as the head-end does within a minute.
func (c *clerk) run(t *testing.T, body string) api.Run {
	t.Helper()
	status, _, answer := c.ask(t, "/api/v1/billing/runs", "", body)
	var run api.Run
	if err := json.Unmarshal(answer, &run); status != http.StatusAccepted || err != nil || run.State != "asked" {
		t.Fatalf("%d %s (%v)", status, answer, err)
	}
	if err := c.office.MakeWaiting(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.read(t, fmt.Sprintf("/api/v1/billing/runs/%d", run.Number), &run)
	if run.State != "made" {
		t.Fatalf("run %+v", run)
	}
	return run
}

func TestWhatBillingRefuses(t *testing.T) {
	c := newClerk(t, timeseries.Postgres)
	c.send(t, "M1", never)
	t.Run("questions", func(t *testing.T) { c.refuses(t) })
	t.Run("pulls", func(t *testing.T) { c.bounds(t) })
}

// refuses asks what cannot be answered.
func (c *clerk) refuses(t *testing.T) {
	run := c.run(t, `{"from":"2026-10-01","to":"2026-10-02","by":"test"}`)
	other := c.run(t, `{"from":"2026-10-01","to":"2026-10-03","by":"test"}`)
	future := time.Now().AddDate(0, 1, 0).Format(time.DateOnly)
	waiting, err := c.office.Ask(t.Context(), headend.BillingRun{By: "Lan", From: c.at(1, 0, 0), To: c.at(2, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	many := strings.Repeat(`"U1",`, 1001)
	for _, q := range []struct {
		path, body string
		status     int
		words      string
	}{
		{"/api/v1/completeness?by=street", "", 422, "query.by"},
		{"/api/v1/completeness?from=2026-10-02&to=2026-10-01", "", 422, "not before"},
		{"/api/v1/completeness?each=hour&from=2026-08-02&to=2026-10-01", "", 422, "31 days"},
		{"/api/v1/completeness?quantity=v1", "", 422, "no energy register"},
		{"/api/v1/billing/gaps?state=lost", "", 422, "query.state"},
		{"/api/v1/billing/gaps?quantity=warp", "", 422, "no energy register"},
		{"/api/v1/billing/gaps?cursor=abc", "", 422, "query.cursor"},
		{"/api/v1/billing/findings?limit=100000", "", 422, "query.limit"},
		{"/api/v1/billing/consumption?usage_point=U9&from=2026-10-01&to=2026-10-02", "", 404, `unknown usage point`},
		{"/api/v1/billing/consumption?from=2026-10-01&to=2026-10-02", "", 422, "usage_point"},
		{"/api/v1/billing/consumption?usage_point=U1&from=2026-10-02&to=2026-10-01", "", 422, "not before"},
		{"/api/v1/billing/consumption?usage_point=U1&from=2026-10-02&to=" + future, "", 422, "after now"},
		{"/api/v1/billing/consumption?usage_point=U1&from=2020-10-02&to=2026-10-01", "", 422, "at most 400 days"},
		{"/api/v1/billing/consumption?usage_point=U1&from=2026-06-01&to=2026-10-01&values=true", "", 422, "at most 62 days"},
		{"/api/v1/billing/consumption?usage_point=U1&from=2026-10-01&to=2026-10-02&quantity=p", "", 422, "no energy register"},
		{"/api/v1/billing/versions?usage_point=U9&from=2026-10-01&to=2026-10-02", "", 404, "unknown usage point"},
		{"/api/v1/billing/registers", "", 422, "at is needed"},
		{"/api/v1/billing/registers?at=tomorrow", "", 422, "query.at"},
		{"/api/v1/billing/registers?at=" + future, "", 422, "in the future"},
		{"/api/v1/billing/registers?at=2026-10-01&quantity=v1", "", 422, "no energy register"},
		{"/api/v1/billing/registers?at=2026-10-01&usage_point=U9", "", 404, "unknown usage point"},
		{"/api/v1/billing/registers?at=2026-10-01&limit=0", "", 422, "1 to 10000"},
		{"/api/v1/billing/registers?at=2026-10-01&at=2026-10-02", "", 400, "2 times"},
		{"/api/v1/billing/registers?at=2026-10-01&meter=M1", "", 422, "unknown parameter"},
		{"/api/v1/billing/registers?at=2026-10-01&organisation=%00", "", 400, "NUL"},
		{"/api/v1/billing/registers?at=2026-10-01&cursor=abc", "", 422, "query.cursor"},
		{"/api/v1/billing/runs/99", "", 404, "unknown billing run"},
		{"/api/v1/billing/runs/x", "", 404, "unknown billing run"},
		{"/api/v1/billing/runs/99/snapshot", "", 404, "unknown billing run"},
		{fmt.Sprintf("/api/v1/billing/runs/%d/snapshot", waiting.Number), "", 422, "is not made"},
		{"/api/v1/billing/runs/" + run.ID + "/snapshot?part=1", "", 422, "unknown parameter"},
		{"/api/v1/billing/runs/" + run.ID + "/changes?since=99", "", 404, "unknown billing run"},
		{"/api/v1/billing/runs/" + run.ID + "/changes?since=" + other.ID, "", 422, "different periods"},
		{"/api/v1/billing/runs", `{"from":"2026-10-03","to":"2026-10-02","by":"test"}`, 422, "it ends at"},
		{"/api/v1/billing/runs", `{"from":"2026-10-03","to":"` + future + `","by":"test"}`, 422, "after now"},
		{"/api/v1/billing/runs", `{"from":"2020-10-03","to":"2026-10-01","by":"test"}`, 422, "at most 400"},
		{"/api/v1/billing/runs", `{"from":"2026-10-01","to":"2026-10-02","by":"test","quantities":["v1"]}`, 422, "no energy register"},
		{"/api/v1/billing/runs", `{"from":"2026-10-01","to":"2026-10-02","by":"test","usage_points":["U1","U9"]}`, 422, "unknown usage point"},
		{"/api/v1/billing/runs", `{"from":"2026-10-01","to":"2026-10-02","by":"test","usage_points":[` + strings.TrimSuffix(many, ",") + `]}`, 422, "usage_points"},
		{"/api/v1/billing/runs", `{"from":"2026-10-01","to":"2026-10-02","by":"test","gate":{"missing":20000}}`, 422, "0 to 10000"},
		{"/api/v1/billing/runs", `{"from":"2026-10-01","to":"2026-10-02","by":"test","gate":{"mising":2}}`, 422, "mising"},
	} {
		status, header, answer := c.ask(t, q.path, "", q.body)
		if status != q.status || header.Get("Content-Type") != "application/problem+json" || !strings.Contains(string(answer), q.words) {
			t.Errorf("%s %.60s: %d %s\n  wanted %d with %q", q.path, q.body, status, answer, q.status, q.words)
		}
	}
}

// bounds lets many clients ask for a snapshot at once: each gets it, or is told to come again.
func (c *clerk) bounds(t *testing.T) {
	run := c.run(t, `{"from":"2026-10-01","to":"2026-10-03","by":"test","values":true}`)
	var busy, answered int
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 200 {
		group.Go(func() {
			response, err := accesstest.Client().Get(c.URL + "/api/v1/billing/runs/" + run.ID + "/snapshot")
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			first, err := bufio.NewReader(response.Body).ReadString('\n')
			mu.Lock()
			defer mu.Unlock()
			switch {
			case response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "":
				busy++
			case response.StatusCode == http.StatusOK && err == nil && strings.Contains(first, `"header"`):
				answered++
			default:
				t.Errorf("%d %q %v", response.StatusCode, first, err)
			}
		})
	}
	group.Wait()
	if answered == 0 || answered+busy != 200 {
		t.Errorf("%d answered, %d told to come again", answered, busy)
	}
}
