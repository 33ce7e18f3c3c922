package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"lastgasp/protocols/drivertest"
)

const deployFolder = "../../deploy"

// needed runs a program of a test's; where it is missing the test is skipped, in CI it fails.
func needed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		drivertest.Missing(t, "THIS TEST DID NOT RUN: %s is missing", name)
	}
	return path
}

func TestAlertRulesDoWhatTheySay(t *testing.T) {
	promtool := needed(t, "promtool")
	for _, args := range [][]string{{"check", "rules", deployFolder + "/prometheus/alerts.yml"}, {"test", "rules", deployFolder + "/prometheus/alerts_test.yml"}} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// Every metric of the alert rules and the dashboard is one that a running head-end has.
func TestAlertsAndDashboardKnowTheMetricsThereAre(t *testing.T) {
	p := newProcess(t, "LASTGASP_DATABASE_URL="+startServer(t).Database(t))
	p.start()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p.waitReady(ctx)
	answer, err := http.Get("http://" + p.http + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{"up": true}
	for line := range strings.Lines(string(body)) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "# TYPE "), " "); ok && strings.HasPrefix(line, "# TYPE ") {
			have[name] = true
		}
	}
	if !strings.Contains(string(body), "\nlastgasp_database_up 1\n") {
		t.Error("an idle head-end says that its database is away")
	}
	used := map[string]string{}
	for _, file := range []string{"prometheus/alerts.yml", "compose/grafana/dashboards/lastgasp.json"} {
		for _, expression := range expressionsOf(t, filepath.Join(deployFolder, file)) {
			for _, name := range regexp.MustCompile(`\b(lastgasp|process|go)_[a-z_]+|\bup\b`).FindAllString(expression, -1) {
				used[name] = file
			}
		}
	}
	if len(used) < 30 {
		t.Errorf("only %d metrics were looked for", len(used))
	}
	for name, file := range used {
		family := name
		for _, part := range []string{"_bucket", "_count", "_sum"} {
			family = strings.TrimSuffix(family, part)
		}
		if !have[name] && !have[family] {
			t.Errorf("%s asks for %s, which the head-end does not have", file, name)
		}
	}
}

// expressionsOf are the texts under the key expr.
func expressionsOf(t *testing.T, file string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if strings.HasSuffix(file, ".json") {
		err = json.Unmarshal(text, &document)
	} else {
		err = yaml.Unmarshal(text, &document)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var walk func(any)
	walk = func(node any) {
		switch n := node.(type) {
		case map[string]any:
			for key, value := range n {
				if text, ok := value.(string); ok && key == "expr" {
					found = append(found, text)
				}
				walk(value)
			}
		case []any:
			for _, value := range n {
				walk(value)
			}
		}
	}
	walk(document)
	return found
}

// What compose.yaml mounts is there, its secrets are made by secrets.sh, and the head-end accepts the configuration.
func TestTheComposeFileFitsTogether(t *testing.T) {
	text, err := os.ReadFile(deployFolder + "/compose/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Image    string
			Volumes  []string
			Secrets  []string
			Networks []string
			Ports    []string
		}
		Secrets, Volumes, Networks map[string]any
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	maker, err := os.ReadFile(deployFolder + "/compose/secrets.sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range file.Services {
		if tag := s.Image[strings.LastIndex(s.Image, ":")+1:]; name != "headend" && (tag == "latest" || !strings.Contains(tag, ".")) {
			t.Errorf("%s: image %s has no exact version", name, s.Image)
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			switch {
			case strings.HasPrefix(source, "./secrets/"):
				if !strings.Contains(string(maker), strings.TrimPrefix(source, "./")) {
					t.Errorf("%s: nobody makes %s", name, source)
				}
			case strings.HasPrefix(source, "."):
				if _, err := os.Stat(filepath.Join(deployFolder, "compose", source)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			default:
				if _, ok := file.Volumes[source]; !ok {
					t.Errorf("%s: volume %s is not declared", name, source)
				}
			}
		}
		for _, n := range s.Networks {
			if _, ok := file.Networks[n]; !ok {
				t.Errorf("%s: network %s is not declared", name, n)
			}
		}
		if slices.Contains([]string{"database", "prometheus"}, name) && len(s.Ports) > 0 {
			t.Errorf("%s is published at %v", name, s.Ports)
		}
	}
	config, err := os.ReadFile(deployFolder + "/compose/lastgasp.yaml")
	if err != nil {
		t.Fatal(err)
	}
	secrets := t.TempDir()
	for _, name := range []string{"database-url", "broker-password"} {
		write(t, filepath.Join(secrets, name), "postgres://x\n", 0o600)
	}
	path := write(t, filepath.Join(secrets, "lastgasp.yaml"), strings.ReplaceAll(string(config), "/etc/lastgasp/secrets", secrets), 0o644)
	if _, err := LoadConfig(configSources{File: path}); err != nil {
		t.Error(err)
	}
}

// The units name programs and files that docs/installation.md installs; systemd finds no other fault in them.
func TestUnitsAreRight(t *testing.T) {
	analyze := needed(t, "systemd-analyze")
	units, err := filepath.Glob(deployFolder + "/systemd/lastgasp*.service")
	if err != nil || len(units) < 3 {
		t.Fatal(units, err)
	}
	timers, err := filepath.Glob(deployFolder + "/systemd/*.timer")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, append([]string{"verify", "--man=no"}, append(units, timers...)...)...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "is not executable: No such file or directory") { // the programs are not installed here
			t.Errorf("systemd-analyze: %s", line)
		}
	}
	if len(out) == 0 && err != nil {
		t.Error(err)
	}
}
