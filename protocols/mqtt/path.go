package mqtt

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
)

// jsonPath leads to places in a JSON value. The empty path is the value itself.
type jsonPath []pathStep

type pathStep struct {
	key string
	any bool // every member or element
}

// parsePath reads keys and indices with dots between them; * is any; 'a.b' is a key with a dot.
func parsePath(text string) (jsonPath, error) {
	var p jsonPath
	for rest := text; rest != ""; {
		var key string
		quoted := rest[0] == '\''
		if quoted {
			end := strings.IndexByte(rest[1:], '\'')
			if end < 0 {
				return nil, fmt.Errorf("path %q: quote is not closed", text)
			}
			key, rest = rest[1:end+1], rest[end+2:]
			if rest != "" && rest[0] != '.' {
				return nil, fmt.Errorf("path %q: no dot after the quote", text)
			}
		} else {
			end := strings.IndexByte(rest, '.')
			if end < 0 {
				end = len(rest)
			}
			key, rest = rest[:end], rest[end:]
			if key == "" {
				return nil, fmt.Errorf("path %q: empty key", text)
			}
		}
		if rest == "." {
			return nil, fmt.Errorf("path %q ends in a dot", text)
		}
		rest = strings.TrimPrefix(rest, ".")
		p = append(p, pathStep{key: key, any: !quoted && key == "*"})
	}
	return p, nil
}

// walk hands every place the path leads to, with the keys its wildcards stood for, to yield, until
// that returns false.
func (p jsonPath) walk(v *fastjson.Value, wild string, yield func(v *fastjson.Value, wild string) bool) bool {
	if v == nil {
		return true
	}
	if len(p) == 0 {
		return yield(v, wild)
	}
	if !p[0].any {
		return p[1:].walk(v.Get(p[0].key), wild, yield)
	}
	more := true
	switch v.Type() {
	case fastjson.TypeObject:
		v.GetObject().Visit(func(key []byte, member *fastjson.Value) {
			if more {
				more = p[1:].walk(member, joinKeys(wild, string(key)), yield)
			}
		})
	case fastjson.TypeArray:
		for i, element := range v.GetArray() {
			if more = p[1:].walk(element, joinKeys(wild, strconv.Itoa(i)), yield); !more {
				break
			}
		}
	}
	return more
}

// keySeparator stands between the keys that wildcards stood for; no path can name it.
const keySeparator = "\x00"

func joinKeys(a, b string) string {
	if a == "" {
		return b
	}
	return a + keySeparator + b
}

// first is the first place the path leads to, nil where there is none.
func (p jsonPath) first(v *fastjson.Value) *fastjson.Value {
	var found *fastjson.Value
	p.walk(v, "", func(v *fastjson.Value, _ string) bool {
		found = v
		return false
	})
	return found
}

// template is a text with parts to fill in: {name} a captured level of the topic, {*} the keys that
// wildcards stood for with dots between, {key} the last of them, {$.path} a value of the payload.
type template []templatePart

type templatePart struct {
	text string // or, without one of the others, a literal
	name string
	path jsonPath
	is   byte // 't' text, 'n' name, 'p' path
}

func parseTemplate(text string, captured map[string]bool) (template, error) {
	var t template
	for rest := text; rest != ""; {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			return append(t, templatePart{is: 't', text: rest}), nil
		}
		if open > 0 {
			t = append(t, templatePart{is: 't', text: rest[:open]})
		}
		end := strings.IndexByte(rest, '}')
		if end < open {
			return nil, fmt.Errorf("template %q: brace is not closed", text)
		}
		inner := rest[open+1 : end]
		rest = rest[end+1:]
		if path, ok := strings.CutPrefix(inner, "$."); ok {
			p, err := parsePath(path)
			if err != nil {
				return nil, err
			}
			t = append(t, templatePart{is: 'p', path: p, text: inner})
			continue
		}
		if !captured[inner] {
			if inner == "device" {
				return nil, fmt.Errorf("the topic names no device: the option device is needed")
			}
			return nil, fmt.Errorf("template %q: the topic does not capture {%s}", text, inner)
		}
		t = append(t, templatePart{is: 'n', name: inner})
	}
	return t, nil
}

// expand fills the template in; it returns an error when the payload lacks a value it needs.
func (t template) expand(captures map[string]string, wild string, v *fastjson.Value) (string, error) {
	if len(t) == 1 && t[0].is == 't' {
		return t[0].text, nil
	}
	var b strings.Builder
	for _, part := range t {
		switch part.is {
		case 't':
			b.WriteString(part.text)
		case 'n':
			switch part.name {
			case "*":
				b.WriteString(strings.ReplaceAll(wild, keySeparator, "."))
			case "key":
				b.WriteString(wild[strings.LastIndex(wild, keySeparator)+1:])
			default:
				b.WriteString(captures[part.name])
			}
		case 'p':
			found := part.path.first(v)
			if found == nil {
				return "", fmt.Errorf("payload has no %s", part.text)
			}
			text, ok := scalarText(found)
			if !ok {
				return "", fmt.Errorf("%s is a JSON %s", part.text, found.Type())
			}
			b.WriteString(text)
		}
	}
	return b.String(), nil
}
