package api

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// The reference page is made of the OpenAPI document here, once; it works without scripts, of which there is one, for the search.
//
//go:embed reference/page.html reference/reference.css reference/reference.js
var referenceFiles embed.FS

// referencePolicy lets the page have its own style sheet and script, and nothing else.
const referencePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// serveReference adds the reference page to the mux.
func (a *API) serveReference(mux *http.ServeMux, document *huma.OpenAPI) {
	page := sync.OnceValues(func() ([]byte, error) { return referencePage(document) })
	mux.HandleFunc("GET /api/v1/docs", func(w http.ResponseWriter, _ *http.Request) {
		body, err := page()
		if err != nil {
			a.options.Log.Error("reference page", "error", err)
			writeProblem(w, http.StatusInternalServerError, "a fault inside the head-end; its log has the details")
			return
		}
		writeFile(w, "text/html; charset=utf-8", body)
	})
	for name, kind := range map[string]string{"reference.css": "text/css; charset=utf-8", "reference.js": "text/javascript; charset=utf-8"} {
		mux.HandleFunc("GET /api/v1/docs/"+name, func(w http.ResponseWriter, _ *http.Request) {
			body, err := referenceFiles.ReadFile("reference/" + name)
			if err != nil { // it was embedded
				panic(err)
			}
			writeFile(w, kind, body)
		})
	}
}

func writeFile(w http.ResponseWriter, kind string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", referencePolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache") // nobody's data
	if _, err := w.Write(body); err != nil {
		return // the client has gone
	}
}

// refGroup is the operations of a tag.
type refGroup struct {
	Name       string
	Operations []refOperation
}

type refOperation struct {
	ID, Method, Path, Summary, Description string
	Parameters                             []refField
	Body                                   []refField
	BodyExample                            string
	Answers                                []refAnswer
	Words                                  string // what a search looks at
}

type refAnswer struct {
	Status, Kind, Example string
	Fields                []refField
}

// refField is a line of a table: a parameter, or a field of a body, with the fields inside it below it.
type refField struct {
	Name, Place, Type, Doc string
	Required               bool
	Depth                  int
}

func referencePage(document *huma.OpenAPI) ([]byte, error) {
	t, err := template.ParseFS(referenceFiles, "reference/page.html")
	if err != nil {
		return nil, fmt.Errorf("reference page: %w", err)
	}
	var out bytes.Buffer
	err = t.Execute(&out, struct {
		Title, Description string
		Groups             []refGroup
	}{document.Info.Title, document.Info.Description, refGroups(document)})
	if err != nil {
		return nil, fmt.Errorf("reference page: %w", err)
	}
	return out.Bytes(), nil
}

func refGroups(document *huma.OpenAPI) []refGroup {
	r := document.Components.Schemas
	byTag := map[string][]refOperation{}
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for _, o := range operationsOf(document.Paths[path]) {
			tag := "other"
			if len(o.Tags) > 0 {
				tag = o.Tags[0]
			}
			byTag[tag] = append(byTag[tag], refOf(r, path, o))
		}
	}
	var groups []refGroup
	for _, tag := range slices.Sorted(maps.Keys(byTag)) {
		groups = append(groups, refGroup{tag, byTag[tag]})
	}
	return groups
}

func refOf(r huma.Registry, path string, o *huma.Operation) refOperation {
	out := refOperation{ID: o.OperationID, Method: o.Method, Path: path, Summary: o.Summary, Description: o.Description}
	for _, p := range o.Parameters {
		f := refField{Name: p.Name, Place: p.In, Required: p.Required, Doc: cmp.Or(p.Description, p.Schema.Description), Type: typeOf(r, p.Schema)}
		if p.Example != nil {
			f.Doc = strings.TrimSpace(f.Doc + " e.g. " + fmt.Sprint(p.Example))
		}
		out.Parameters = append(out.Parameters, f)
	}
	if o.RequestBody != nil {
		if m := o.RequestBody.Content["application/json"]; m != nil {
			out.Body, out.BodyExample = fieldsIn(r, m.Schema, 0), pretty(m.Example)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		for _, kind := range slices.Sorted(maps.Keys(o.Responses[status].Content)) {
			m := o.Responses[status].Content[kind]
			a := refAnswer{Status: status, Kind: kind, Example: pretty(m.Example)}
			if status != "default" && m.Schema != nil {
				a.Fields = fieldsIn(r, m.Schema, 0)
			}
			out.Answers = append(out.Answers, a)
		}
		if len(o.Responses[status].Content) == 0 {
			out.Answers = append(out.Answers, refAnswer{Status: status})
		}
	}
	out.Words = strings.ToLower(strings.Join([]string{o.Method, path, o.OperationID, o.Summary, o.Description, strings.Join(o.Tags, " ")}, " "))
	for _, f := range append(slices.Clone(out.Parameters), out.Body...) {
		out.Words += " " + f.Name
	}
	return out
}

// fieldsIn are the fields of a body, each followed by those inside it.
func fieldsIn(r huma.Registry, s *huma.Schema, depth int) []refField {
	const deepest = 4
	for s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	if s.Type == huma.TypeArray {
		return fieldsIn(r, s.Items, depth)
	}
	var out []refField
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		out = append(out, refField{Name: name, Type: typeOf(r, p), Doc: p.Description, Required: slices.Contains(s.Required, name), Depth: depth})
		if depth < deepest {
			out = append(out, fieldsIn(r, p, depth+1)...)
		}
	}
	return out
}

// typeOf says in a few words what may stand in a field.
func typeOf(r huma.Registry, s *huma.Schema) string {
	for s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	text := cmp.Or(s.Type, "any")
	switch {
	case s.Type == huma.TypeArray && s.Items != nil:
		text = "list of " + typeOf(r, s.Items)
	case s.Format != "" && s.Format != "int64" && s.Format != "double":
		text = s.Format
	}
	if len(s.Enum) > 0 {
		words := make([]string, len(s.Enum))
		for i, e := range s.Enum {
			words[i] = fmt.Sprint(e)
		}
		text = strings.Join(words, " | ")
	}
	if s.Minimum != nil && s.Maximum != nil {
		text += fmt.Sprintf(", %g to %g", *s.Minimum, *s.Maximum)
	}
	if s.Default != nil {
		text += fmt.Sprintf(", default %v", s.Default)
	}
	return text
}

func pretty(example any) string {
	if example == nil {
		return ""
	}
	text, err := json.MarshalIndent(example, "", "  ")
	if err != nil { // examples are made of what JSON knows
		return ""
	}
	return string(text)
}
