package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestConsoleInABrowser drives the console in Chromium against the built head-end with a simulated street: an outage appears, is
// opened, classified and closes; SAIDI of the month moves; a meter's chart draws; the language switches; a viewer cannot classify; an
// administrator makes and disables a user; axe-core finds no serious fault on any page, light and dark; nothing is asked of another
// origin. What it does stands in headend/console/browser/test.mjs.
func TestConsoleInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs a minute and a half")
	}
	scripts, node, chromium := needBrowser(t)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	p := newProcess(t)
	scenario, err := filepath.Abs("testdata/console.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p.startAs("--set=detection.settle=1m", "demo", "--scenario", scenario)
	p.waitReady(ctx)
	dir := filepath.Dir(p.private())
	var name, password string
	until(ctx, t, "the login of the demonstration is written", func() bool {
		text, err := os.ReadFile(filepath.Join(dir, demoLoginFile))
		name, password, _ = strings.Cut(strings.TrimSpace(string(text)), " ")
		return err == nil && password != ""
	})
	_, viewerPassword, ok := strings.Cut(p.run("user", "add", "viewer1", "--role", "viewer"), "password ")
	if !ok {
		t.Fatal("the viewer's password is not printed")
	}

	// Half an hour without supply, yesterday: its month is this one or the last.
	yesterday := time.Now().In(time.FixedZone("ICT", 7*3600)).AddDate(0, 0, -1)
	history := filepath.Join(t.TempDir(), "interruptions.csv")
	token, err := readSecretFile(filepath.Join(dir, operatorTokenFile))
	if err != nil {
		t.Fatal(err)
	}
	point, meter := p.somebody(ctx, token)
	line := fmt.Sprintf("usage_point,start,end,outage,cause,phases\n%s,%sT08:00:00+07:00,%[2]sT08:30:00+07:00,X1,tree,\n", point, yesterday.Format(time.DateOnly))
	if err := os.WriteFile(history, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}

	script := exec.CommandContext(ctx, node, filepath.Join(scripts, "test.mjs"))
	script.Dir = scripts
	script.Env = append(p.env, "BASE=http://"+p.http, "HEADEND="+p.path, "LOGIN="+name, "PASSWORD="+password, "VIEWER=viewer1",
		"VIEWER_PASSWORD="+strings.Fields(viewerPassword)[0], "METER="+meter, "INTERRUPTIONS="+history, "MONTH="+yesterday.Format("2006-01"), "CHROMIUM="+chromium)
	out, err := script.CombinedOutput()
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		t.Log(lines.Text())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// needBrowser finds the folder of the scripts and the programs that they take; a program that is missing fails in CI.
func needBrowser(t *testing.T) (scripts, node, chromium string) {
	t.Helper()
	scripts, err := filepath.Abs("../../headend/console/browser")
	if err != nil {
		t.Fatal(err)
	}
	need := func(what, hint string, there bool) {
		t.Helper()
		switch {
		case there:
		case os.Getenv("CI") != "":
			t.Fatalf("%s is missing: %s", what, hint)
		default:
			t.Skipf("%s is missing: %s", what, hint)
		}
	}
	node, nodeErr := exec.LookPath("node")
	need("node", "make packages-test installs it", nodeErr == nil)
	chromium, chromiumErr := exec.LookPath("chromium")
	need("chromium", "make packages-test installs it", chromiumErr == nil)
	_, err = os.Stat(filepath.Join(scripts, "node_modules", "playwright-core", "package.json"))
	need("playwright-core", "make packages-test installs it (npm ci in headend/console/browser)", err == nil)
	return scripts, node, chromium
}

// somebody is a usage point with its meter.
func (p *process) somebody(ctx context.Context, token string) (point, meter string) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.http+"/api/v1/meters?limit=1", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	var page struct {
		Items []struct {
			ID         string `json:"id"`
			UsagePoint string `json:"usage_point"`
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&page); err != nil || len(page.Items) == 0 {
		p.t.Fatalf("no meter: %d %v", answer.StatusCode, err)
	}
	return page.Items[0].UsagePoint, page.Items[0].ID
}
