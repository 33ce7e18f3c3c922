package api

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// exampleOf makes an example of a schema: from the examples that stand with the fields in the code, else from their names, else
// from what the schema allows. It always fits the schema; a test sees to that.
func exampleOf(r huma.Registry, s *huma.Schema, name string, depth int) any {
	for s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	const deepest = 8
	if depth > deepest {
		return nil
	}
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.OneOf) > 0:
		return exampleOf(r, s.OneOf[0], name, depth+1)
	}
	switch s.Type {
	case huma.TypeObject:
		return objectExample(r, s, name, depth)
	case huma.TypeArray:
		return []any{exampleOf(r, s.Items, strings.TrimSuffix(name, "s"), depth+1)}
	case huma.TypeBoolean:
		return false
	case huma.TypeInteger:
		return int64(numberExample(s, name))
	case huma.TypeNumber:
		return numberExample(s, name)
	case huma.TypeString:
		return textExample(s, name)
	}
	return map[string]any{} // anything
}

func objectExample(r huma.Registry, s *huma.Schema, name string, depth int) any {
	out := map[string]any{}
	for property, schema := range s.Properties {
		if v := exampleOf(r, schema, property, depth+1); v != nil {
			out[property] = v
		}
	}
	if values, ok := s.AdditionalProperties.(*huma.Schema); ok && len(out) == 0 {
		key, value := "key", exampleOf(r, values, name, depth+1)
		if name == "values" {
			key, value = "import_wh", json.Number("1234567")
		}
		out[key] = value
	}
	return out
}

// words are examples by the name of a field: what many types call the same.
var words = map[string]any{
	"id": "T1471-12", "name": "Trạm An Mỹ 3", "node": "T1471-12", "parent": "F471", "usage_point": "PC05AA0012345", "usage_points": "PC05AA0012345", "usage_point_id": "PC05AA0012345",
	"organisation": "D1", "device": "M0012345", "meter": "M0012345", "gateway": "DCU-0071", "address": "Số 12 Phan Chu Trinh, Tam Kỳ", "profile": "eastron_sdm630", "by": "nguyen.an",
	"cause": "tree", "summary": "51 of 84 meters sent a last gasp", "note": "Cây đổ vào đường dây, đội 2 đã xử lý", "reason": "announced works on feeder 471", "plan": "KH-2026-11-021",
	"kind": "cut", "event": "power_down", "quantity": "import_wh", "protocol": "mqtt", "next": "b3V0YWdlcyB7Im4iOjE3fQ", "detail": "unknown node \"T9\"", "title": "Not Found",
	"location": "query.node", "message": "unknown node \"T9\"", "phases": "L1", "policy": "vn", "month": "2026-10", "trail": "51 of 84 meters below T1471-12 sent a last gasp.",
	"type": "about:blank", "instance": "", "text": "{\"time\":1795323600}", "raw": "eyJ0aW1lIjoxNzk1MzIzNjAwfQ==", "body": map[string]any{"type": "outage.opened"},
	"status": 404, "number": 17, "customers": 84, "out": 84, "seen": 51, "still": 12, "back": 72, "revision": 412, "probability": 0.997, "latency_ms": 38.2, "attempts": 1, "bytes": 27,
	"wh": 250, "outage": 17,
}

func numberExample(s *huma.Schema, name string) float64 {
	n := 1.0
	switch v := words[name].(type) {
	case int:
		n = float64(v)
	case float64:
		n = v
	}
	if s.Minimum != nil && n < *s.Minimum {
		n = *s.Minimum
	}
	if s.Maximum != nil && n > *s.Maximum {
		n = *s.Maximum
	}
	return n
}

func textExample(s *huma.Schema, name string) string {
	switch s.Format {
	case "date-time":
		return "2026-11-21T10:07:02Z"
	case "date":
		return "2026-11-21"
	case "uri":
		return "https://oms.example.com/"
	case "uri-reference":
		return "about:blank"
	}
	if s.ContentEncoding == "base64" {
		return "eyJ0aW1lIjoxNzk1MzIzNjAwfQ=="
	}
	text, ok := words[name].(string)
	if !ok {
		text = cmp.Or(map[string]string{"from": "2026-11-21T00:00:00+07:00", "to": "2026-11-22T00:00:00+07:00", "notice": "2026-11-16T08:00:00+07:00"}[name], name, "text")
	}
	if s.MaxLength != nil && len([]rune(text)) > *s.MaxLength {
		text = string([]rune(text)[:*s.MaxLength])
	}
	return text
}

// describeExamples gives every body of the document an example, and every parameter that has none in the code.
func describeExamples(document *huma.OpenAPI) {
	r := document.Components.Schemas
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for _, o := range operationsOf(document.Paths[path]) {
			for _, p := range o.Parameters {
				if p.Example == nil && p.In == "path" && p.Schema != nil {
					p.Example = exampleOf(r, p.Schema, pathWord(path, p.Name), 0)
				}
			}
			if o.RequestBody != nil {
				addExamples(r, o.RequestBody.Content)
			}
			for status, response := range o.Responses {
				addExamples(r, response.Content)
				if m := response.Content["application/problem+json"]; m != nil && status == "default" {
					m.Example = map[string]any{"title": "Unprocessable Entity", "status": 422, "detail": "the cursor is not one that a page of this list gave as next",
						"errors": []any{map[string]any{"location": "query.cursor", "value": "x", "message": "the cursor is not one that a page of this list gave as next"}}}
				}
			}
		}
	}
}

// pathWord is the name under which a parameter of a path has its example: {id} of /nodes/{id} is a node.
func pathWord(path, name string) string {
	before, _, _ := strings.Cut(path, "/{"+name+"}")
	what := strings.ReplaceAll(strings.TrimSuffix(before[strings.LastIndex(before, "/")+1:], "s"), "-", "_")
	if _, ok := words[what].(string); ok && name == "id" {
		return what
	}
	return name
}

func addExamples(r huma.Registry, content map[string]*huma.MediaType) {
	for kind, m := range content {
		if m.Schema != nil && m.Example == nil && len(m.Examples) == 0 && strings.HasSuffix(kind, "json") {
			m.Example = exampleOf(r, m.Schema, "", 0)
		}
	}
}

// operationsOf are the operations of a path, in the order in which they are read.
func operationsOf(item *huma.PathItem) []*huma.Operation {
	var out []*huma.Operation
	for _, o := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
		if o != nil {
			out = append(out, o)
		}
	}
	return out
}
