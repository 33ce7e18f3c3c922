package headend_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// mayImport is the table of docs: which of our packages a package may import. The longest prefix that
// matches a package decides. Tests are free: they join what they need.
var mayImport = map[string][]string{
	"lastgasp/headend":                     {},
	"lastgasp/headend/":                    {"lastgasp/headend"},
	"lastgasp/headend/access/":             {"lastgasp/headend", "lastgasp/headend/access"},
	"lastgasp/headend/billing/":            {"lastgasp/headend", "lastgasp/headend/billing"},
	"lastgasp/headend/interruption/runner": {"lastgasp/headend", "lastgasp/headend/interruption"},
	"lastgasp/headend/reliability/books":   {"lastgasp/headend", "lastgasp/headend/reliability"},
	"lastgasp/protocols":                   {"lastgasp/headend"},
	"lastgasp/protocols/":                  {"lastgasp/headend", "lastgasp/protocols"},
	"lastgasp/protocols/drivertest":        {"lastgasp/headend", "lastgasp/protocols"},
	"lastgasp/timeseries":                  {"lastgasp/headend"},
	"lastgasp/timeseries/cluster":          {},
	"lastgasp/timeseries/limit":            {},
	"lastgasp/timeseries/storetest":        {"lastgasp/timeseries", "lastgasp/timeseries/cluster"},
	"lastgasp/simulator":                   {"lastgasp/headend"},
	"lastgasp/simulator/":                  {"lastgasp/headend", "lastgasp/simulator"},
	"lastgasp/cmd/":                        {"*"},
}

func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "lastgasp/...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	seen := 0
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen++
		allowed, rule := rulesFor(p.ImportPath)
		if rule == "" {
			t.Errorf("%s stands outside the layout: no rule says what it may import", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, "lastgasp/") && !contains(allowed, imported) {
				t.Errorf("%s imports %s; the rule for %s allows %v", p.ImportPath, imported, rule, allowed)
			}
			if strings.HasPrefix(imported, "github.com/jackc/pgx") && !strings.HasPrefix(p.ImportPath, "lastgasp/timeseries") {
				t.Errorf("%s imports %s: all SQL of the program is in timeseries", p.ImportPath, imported)
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d packages were looked at", seen)
	}
}

func rulesFor(path string) (allowed []string, rule string) {
	for prefix, list := range mayImport {
		if (path == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(path, prefix)) && len(prefix) > len(rule) {
			allowed, rule = list, prefix
		}
	}
	return allowed, rule
}

func contains(allowed []string, path string) bool {
	for _, a := range allowed {
		if a == path || a == "*" {
			return true
		}
	}
	return false
}
