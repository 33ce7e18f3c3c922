package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestAccountsTokensAndTheTrailAtTheCommandLine(t *testing.T) {
	environment := ownDatabase(t)
	inEmptyDir(t)
	run := func(words string, args ...string) string {
		t.Helper()
		status, out, errs := command(t, environment, args...)
		if status != exitDone || !strings.Contains(out, words) {
			t.Fatalf("%v: %d %s%s, want %q", args, status, out, errs, words)
		}
		return out
	}
	run("password ", "user", "add", "lan", "--role", "administrator")
	run("password ", "user", "add", "mai", "--role", "viewer")
	run("may not log in", "user", "disable", "mai")
	run("disabled", "user", "list")
	run("comes in as https://sso.example.com#mai", "user", "bind", "mai", "https://sso.example.com#mai")
	run("bound to no subject", "user", "bind", "mai")
	run("account chi, viewer", "user", "add", "chi", "--role", "viewer", "--subject", "https://sso.example.com#chi", "--no-password")
	run("identity provider", "user", "list")
	for words, args := range map[string][]string{
		"is there already":   {"mai", "https://sso.example.com#chi"},
		"it has no password": {"chi"}, "ISSUER#SUBJECT": {"mai", "mai"}, "nobody": {"nobody", "https://sso.example.com#x"},
	} {
		if status, _, errs := command(t, environment, append([]string{"user", "bind"}, args...)...); status != exitFailed || !strings.Contains(errs, strings.TrimPrefix(words, "it ")) {
			t.Errorf("bind %v: %d %s, want %q", args, status, errs, words)
		}
	}
	if status, _, errs := command(t, environment, "user", "disable", "lan"); status != exitFailed || !strings.Contains(errs, "last administrator") {
		t.Errorf("the last administrator: %d %s", status, errs)
	}
	if status, _, errs := command(t, environment, "user", "add", "x", "--role", "king"); status != exitFailed || !strings.Contains(errs, `no role "king"`) {
		t.Errorf("no such role: %d %s", status, errs)
	}
	if token := run("lg_", "token", "add", "bills", "--scope", "look,bill"); len(strings.TrimSpace(token)) != 46 {
		t.Errorf("token %q", token)
	}
	run("bill,look", "token", "list")
	run("lets nobody in", "token", "revoke", "1")
	last := strings.TrimSpace(run("none changed", "audit", "verify"))
	run("none changed", "audit", "verify", "--last", last[strings.LastIndex(last, " ")+1:])
	if lines := strings.Count(run(`"what":"user add"`, "audit", "export"), "\n"); lines != 8 {
		t.Errorf("%d entries, want 8", lines)
	}
	store := storetest.OpenURL(t, strings.TrimPrefix(environment[0], "DATABASE_URL="), timeseries.Options{})
	if _, err := store.Scalar(t.Context(), "WITH off AS (SELECT set_config('session_replication_role', 'replica', false)) UPDATE audit SET who = (SELECT 'somebody' FROM off) WHERE number = 2 RETURNING who"); err == nil {
		t.Error("an entry was changed, and nothing stopped it")
	}
}

// What is done at the command line stands in the trail under the name of the operating system's account, marked as such: imports with
// their file, closed months, billing runs. What was refused changed nothing, and leaves nothing.
func TestWhatTheCommandLineWritesIsInTheTrail(t *testing.T) {
	environment := ownDatabase(t)
	inEmptyDir(t)
	files := map[string]string{
		"organisations":   "id,name,kind,parent,from,to\nD1,Tam Kỳ,district,,,\n",
		"network":         "id,name,kind,parent,organisation,rated_kva,from,to\nT1,,transformer,,D1,,2020-01-01,\n",
		"usage-points":    "id,name,address,node,organisation,phases,from,to\nU1,,,T1,D1,L1,2020-01-01,\n",
		"devices":         "id,kind,protocol,address,profile,gateway,usage_point,password,from,to\nM1,meter,mqtt,,,,U1,a-long-secret-word,2020-01-01,\n",
		"planned-outages": "id,kind,node,usage_points,from,to,reason,notice,status\nP1,cut,T1,,2026-11-22,2026-11-23,,,\n",
		"interruptions":   "usage_point,start,end,outage,cause,phases\nU1,2026-01-07 10:00,2026-01-07 12:30,SC-17,tree,\n",
		"meter-types":     "model,digits,unit_wh,max_w,every,tolerance,registers,nominal_v,rated_a\nEM24,6,1000,20000,30m,2m,import_wh,230,60\n",
		"targets":         "organisation,year,index,value\nD1,2026,saidi,150\n",
		"customer-counts": "organisation,month,customers\nD1,2026-01,1\n",
	}
	order := []string{"organisations", "network", "usage-points", "devices", "planned-outages", "interruptions", "meter-types", "targets", "customer-counts"}
	for _, name := range order {
		write(t, name+".csv", files[name], 0o644)
		if status, out, errs := command(t, environment, "import", name, name+".csv"); status != exitDone {
			t.Fatalf("import %s: %d %s%s", name, status, out, errs)
		}
	}
	write(t, "bad.csv", "id,name,kind,parent,organisation,rated_kva,from,to\nT9,,transformer,NOWHERE,D1,,2020-01-01,\n", 0o644)
	if status, out, errs := command(t, environment, "import", "network", "bad.csv"); status != exitRefused {
		t.Fatalf("a bad file: %d %s%s", status, out, errs)
	}
	for _, args := range [][]string{{"close-period", "2026-01", "--organisation", "D1", "--by", "Lan"}, {"billing", "run", "--from", "2026-01-01", "--to", "2026-01-02", "--by", "Lan"},
		{"user", "add", "mai", "--role", "viewer"}} {
		if status, out, errs := command(t, environment, args...); status != exitDone {
			t.Fatalf("%v: %d %s%s", args, status, out, errs)
		}
	}
	if status, out, errs := command(t, environment, "close-period", "2026-01", "--organisation", "D9", "--by", "Lan"); status != exitFailed {
		t.Fatalf("an organisation that there is not: %d %s%s", status, out, errs)
	}
	status, out, errs := command(t, environment, "audit", "export")
	if status != exitDone {
		t.Fatalf("audit export: %d %s", status, errs)
	}
	type entry struct{ Who, Role, From, What, Target, Before, After string }
	var found []entry
	for line := range strings.Lines(out) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		found = append(found, e)
	}
	want := []string{"close-period periods/D1/2026-01", "billing run billing/runs/1", "user add accounts/mai"}
	if len(found) != len(order)+len(want) {
		t.Fatalf("%d entries, want %d:\n%s", len(found), len(order)+len(want), out)
	}
	for i, e := range found {
		if !strings.HasSuffix(e.Who, " at the command line") || e.From != "" || e.Role != "" || strings.Contains(e.After, "a-long-secret-word") {
			t.Errorf("%+v", e)
		}
		if i >= len(order) {
			if got := e.What + " " + e.Target; got != want[i-len(order)] {
				t.Errorf("%s, want %s", got, want[i-len(order)])
			}
			continue
		}
		var file struct {
			File, SHA256 string
			Bytes, Lines int
			New          int
		}
		text := files[order[i]]
		if err := json.Unmarshal([]byte(e.After), &file); err != nil || e.What != "import" || file.File != order[i]+".csv" || file.Bytes != len(text) || file.Lines != 1 || file.New != 1 ||
			file.SHA256 != fmt.Sprintf("%x", sha256.Sum256([]byte(text))) {
			t.Errorf("%s: %+v %v", order[i], e, err)
		}
	}
	if status, out, errs := command(t, environment, "audit", "verify"); status != exitDone {
		t.Errorf("%d %s%s", status, out, errs)
	}
}
