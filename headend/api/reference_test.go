package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/api"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// document reads the OpenAPI document as the library does.
func (s *server) document(t *testing.T) (paths map[string]map[string]json.RawMessage) {
	t.Helper()
	var d struct {
		Paths map[string]map[string]json.RawMessage
	}
	s.read(t, "/api/v1/openapi.json", &d)
	return d.Paths
}

func TestTheReferenceShowsEveryOperationAndNeedsNobody(t *testing.T) {
	s := serve(t, storetest.Open(t, timeseries.Postgres), api.Options{})
	answer, err := s.Client().Get(s.URL + "/api/v1/docs")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	policy := answer.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	status, kind, page := s.ask(t, http.MethodGet, "/api/v1/docs")
	if status != http.StatusOK || !strings.HasPrefix(kind, "text/html") {
		t.Fatalf("%d %s", status, kind)
	}
	operations := 0
	for path, methods := range s.document(t) {
		for method, raw := range methods {
			var o struct{ OperationID, Summary string }
			if err := json.Unmarshal(raw, &o); err != nil {
				t.Fatal(err)
			}
			operations++
			if !strings.Contains(string(page), `id="`+o.OperationID+`"`) || !strings.Contains(string(page), path) {
				t.Errorf("%s %s is not on the page", method, path)
			}
		}
	}
	if operations < 35 {
		t.Errorf("only %d operations were looked for", operations)
	}
	for _, bad := range []string{"<script>", "<style", " style=", " onclick=", "javascript:"} {
		if strings.Contains(string(page), bad) {
			t.Errorf("the page holds %q, which the policy forbids", bad)
		}
	}
	for _, link := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(string(page), -1) {
		if !strings.HasPrefix(link[1], "/api/v1/") && !strings.HasPrefix(link[1], "#") {
			t.Errorf("the page leads to %s", link[1])
		}
	}
	for path, want := range map[string]string{"reference.css": "text/css", "reference.js": "text/javascript"} {
		if status, kind, body := s.ask(t, http.MethodGet, "/api/v1/docs/"+path); status != http.StatusOK || !strings.HasPrefix(kind, want) || len(body) < 500 {
			t.Errorf("%s: %d %s", path, status, kind)
		}
	}
	if len(page) > 600<<10 {
		t.Errorf("the page has %d bytes", len(page))
	}
}

// Every body of the document has an example, and it fits its schema.
func TestExamplesFitTheirSchemas(t *testing.T) {
	s := serve(t, storetest.Open(t, timeseries.Postgres), api.Options{})
	var d struct {
		Paths map[string]map[string]struct {
			OperationID string
			RequestBody *struct {
				Content map[string]struct{ Schema, Example any }
			}
			Responses map[string]struct {
				Content map[string]struct{ Schema, Example any }
			}
		}
		Components struct{ Schemas map[string]any }
	}
	s.read(t, "/api/v1/openapi.json", &d)
	bodies := 0
	for _, methods := range d.Paths {
		for _, o := range methods {
			check := func(where string, content map[string]struct{ Schema, Example any }) {
				for kind, m := range content {
					if !strings.HasSuffix(kind, "json") {
						continue
					}
					bodies++
					if m.Example == nil {
						t.Errorf("%s %s %s: no example", o.OperationID, where, kind)
						continue
					}
					for _, fault := range misfit(d.Components.Schemas, m.Schema, m.Example, "") {
						t.Errorf("%s %s: the example %s", o.OperationID, where, fault)
					}
				}
			}
			if o.RequestBody != nil {
				check("body", o.RequestBody.Content)
			}
			for status, r := range o.Responses {
				check(status, r.Content)
			}
		}
	}
	if bodies < 70 {
		t.Errorf("only %d bodies were looked at", bodies)
	}
}

// misfit checks what the document says of types, required fields, words to choose from and bounds; it is not the library that
// made the examples.
func misfit(schemas map[string]any, schema, value any, at string) (faults []string) {
	s, ok := schema.(map[string]any)
	if !ok {
		return nil
	}
	if ref, ok := s["$ref"].(string); ok {
		return misfit(schemas, schemas[ref[strings.LastIndex(ref, "/")+1:]], value, at)
	}
	var kinds []string
	switch k := s["type"].(type) {
	case string:
		kinds = []string{k}
	case []any:
		for _, one := range k {
			kinds = append(kinds, one.(string))
		}
	}
	is := func(kind string) bool { return len(kinds) == 0 || slices.Contains(kinds, kind) }
	bad := func(format string, args ...any) { faults = append(faults, at+": "+fmt.Sprintf(format, args...)) }
	if words, ok := s["enum"].([]any); ok && !slices.Contains(words, value) {
		bad("is %v, none of %v", value, words)
	}
	switch v := value.(type) {
	case map[string]any:
		if !is("object") {
			bad("is an object, want %v", kinds)
		}
		properties, _ := s["properties"].(map[string]any)
		required, _ := s["required"].([]any)
		for _, name := range required {
			if _, there := v[name.(string)]; !there {
				bad("lacks %s", name)
			}
		}
		for name, inner := range v {
			if p, ok := properties[name]; ok {
				faults = append(faults, misfit(schemas, p, inner, at+"."+name)...)
			} else if s["additionalProperties"] == false {
				bad("has %s, which is not allowed", name)
			}
		}
	case []any:
		if !is("array") {
			bad("is a list, want %v", kinds)
		}
		for _, inner := range v {
			faults = append(faults, misfit(schemas, s["items"], inner, at+"[]")...)
		}
	case string:
		if !is("string") {
			bad("is %q, want %v", v, kinds)
		}
		if s["format"] == "date-time" {
			if _, err := time.Parse(time.RFC3339Nano, v); err != nil {
				bad("is %q, no time", v)
			}
		}
		if most, ok := s["maxLength"].(float64); ok && len([]rune(v)) > int(most) {
			bad("is longer than %v", most)
		}
	case float64:
		if !is("number") && !(is("integer") && v == float64(int64(v))) {
			bad("is %v, want %v", v, kinds)
		}
		if least, ok := s["minimum"].(float64); ok && v < least {
			bad("is less than %v", least)
		}
		if most, ok := s["maximum"].(float64); ok && v > most {
			bad("is more than %v", most)
		}
	case bool:
		if !is("boolean") {
			bad("is a truth value, want %v", kinds)
		}
	}
	return faults
}

// Every list of the document pages alike: bounds of limit, refusal of foreign cursors and parameters, and by single items it gives
// what it gives at once.
func TestEveryListPagesAlike(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.grid(t)
		record := s.ledger(t)
		points := s.points(t)
		row := func(point string, id, outage int64) headend.LedgerRow {
			return headend.LedgerRow{Point: point, Interruption: headend.Interruption{UsagePoint: points[point], ID: id, Outage: outage, Start: noon}}
		}
		record([]headend.Outage{transformerOut(1), transformerOut(2), transformerOut(3)}, row("U1", 1, 1), row("U2", 2, 1), row("U3", 3, 2))
		s.append(t, says("M1", noon, "import_wh", 1), says("M1", noon.Add(time.Hour), "import_wh", 2), says("M1", noon.Add(2*time.Hour), "import_wh", 3))
		for i := range 3 {
			s.append(t, headend.Batch{Device: "M1", Received: noon, Source: headend.Source{Protocol: "mqtt"}, Events: []headend.Event{{Time: noon.Add(time.Duration(i) * time.Minute), Type: headend.EventPowerDown, Seq: int64(i + 1)}}},
				headend.Batch{Device: "M1", Received: noon, Source: headend.Source{Protocol: "mqtt"}, Raw: []byte{byte(i)}, Refusal: &headend.Refusal{Reason: "malformed"}})
			if status, _, body := s.send(t, http.MethodPut, fmt.Sprintf("/api/v1/plans/P%d", i), `{"by":"an","kind":"cut","node":"T1","from":"2026-11-21","to":"2026-11-22"}`); status != http.StatusOK {
				t.Fatalf("%d %s", status, body)
			}
			if status, _, body := s.send(t, http.MethodPost, "/api/v1/webhooks", `{"url":"https://oms.example.com/","events":["outage.opened"]}`); status != http.StatusCreated {
				t.Fatalf("%d %s", status, body)
			}
			if status, _, body := s.send(t, http.MethodPost, "/api/v1/webhooks/1/ping", ""); status != http.StatusAccepted {
				t.Fatalf("%d %s", status, body)
			}
		}
		inPath := map[string]string{"/api/v1/meters/{id}": "M1", "/api/v1/devices/{id}": "M1", "/api/v1/nodes/{id}": "T1", "/api/v1/usage-points/{id}": "U1", "/api/v1/webhooks/{number}": "1"}
		lists := 0
		for _, path := range pathsOf(s.document(t)) {
			parameters, isList := listOf(t, s.document(t)[path])
			if !isList {
				continue
			}
			lists++
			for prefix, id := range inPath {
				if strings.HasPrefix(path, prefix) {
					path = strings.Replace(prefix, prefix[strings.Index(prefix, "{"):], id, 1) + path[len(prefix):]
				}
			}
			query := "?"
			if slices.Contains(parameters, "from") && !strings.Contains(path, "plans") {
				query = "?from=2026-11-20&to=2026-11-21&"
			}
			if strings.HasSuffix(path, "/energy") || strings.HasSuffix(path, "/load") || strings.HasSuffix(path, "/supply") {
				continue // not lists but series and the state of a feeder, which bound themselves
			}
			if !slices.Contains(parameters, "limit") || !slices.Contains(parameters, "cursor") {
				t.Errorf("%s is a list without limit or cursor", path)
				continue
			}
			all := s.items(t, path+query+"limit=1000")
			few := []string{"/api/v1/nodes/T1/events", "/api/v1/audit", "/api/v1/connections", "/api/v1/tokens", "/api/v1/users"} // nothing is in them here: they have tests of their own
			if len(all) < 2 && !slices.Contains(few, path) {

				t.Errorf("%s has %d items: the test shows nothing", path, len(all))
			}
			var single []string
			next := ""
			for range len(all) + 1 {
				var page struct {
					Items []json.RawMessage
					Next  string
				}
				s.read(t, path+query+"limit=1&cursor="+url.QueryEscape(next), &page)
				for _, item := range page.Items {
					single = append(single, string(item))
				}
				if next = page.Next; next == "" {
					break
				}
			}
			if !slices.Equal(all, single) {
				t.Errorf("%s: at once %v, one by one %v", path, all, single)
			}
			for bad, word := range map[string]string{"limit=0": "query.limit", "limit=1001": "query.limit", "limit=many": "query.limit", "cursor=%25%25": "query.cursor", "cursor=bm93aGVyZSAxNw": "query.cursor",
				"cursor=" + strings.Repeat("a", 5000): "query.cursor", "colour=red": "colour"} {
				s.problem(t, http.MethodGet, path+query+bad, http.StatusUnprocessableEntity, word)
			}
			s.problem(t, http.MethodGet, path+query+"limit=1&limit=2", http.StatusBadRequest, "limit")
		}
		if lists < 12 {
			t.Errorf("only %d lists were walked", lists)
		}
	})
}

func pathsOf(d map[string]map[string]json.RawMessage) (paths []string) {
	for path := range d {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// listOf tells whether a path answers with a list, and its parameters.
func listOf(t *testing.T, methods map[string]json.RawMessage) (parameters []string, isList bool) {
	t.Helper()
	if methods["get"] == nil {
		return nil, false
	}
	var o struct {
		Parameters []struct{ Name string }
		Responses  map[string]struct {
			Content map[string]struct{ Example struct{ Items []any } }
		}
	}
	if err := json.Unmarshal(methods["get"], &o); err != nil {
		return nil, false // its example is no object with items
	}
	for _, p := range o.Parameters {
		parameters = append(parameters, p.Name)
	}
	return parameters, o.Responses["200"].Content["application/json"].Example.Items != nil
}

func (s *server) items(t *testing.T, path string) (out []string) {
	t.Helper()
	var page struct {
		Items []json.RawMessage
		Next  string
	}
	s.read(t, path, &page)
	if page.Next != "" {
		t.Errorf("%s has a next page", path)
	}
	for _, item := range page.Items {
		out = append(out, string(item))
	}
	return out
}
