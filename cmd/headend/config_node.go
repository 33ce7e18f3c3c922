package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// nodeReader turns YAML into the maps koanf merges, checking each node against the field it is for, so
// that every fault has a line.
type nodeReader struct {
	l     *configLoader
	place func(*yaml.Node) string
}

func (r nodeReader) fault(n *yaml.Node, path, format string, args ...any) any {
	what := fmt.Sprintf(format, args...)
	if path != "" {
		what = path + ": " + what
	}
	r.l.faults = append(r.l.faults, fmt.Errorf("%s: %s", r.place(n), what))
	return nil
}

// read returns nil for null and for what has been reported.
func (r nodeReader) read(n *yaml.Node, t reflect.Type, path string) any {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	r.l.places[path] = r.place(n)
	switch {
	case t == durationType:
		return r.duration(n, path)
	case t.Kind() == reflect.Struct:
		return r.section(n, t, path)
	case t.Kind() == reflect.Slice:
		return r.list(n, t, path)
	case t.Kind() == reflect.Map || t.Kind() == reflect.Interface:
		var free any
		if err := n.Decode(&free); err != nil {
			return r.fault(n, path, "%v", err)
		}
		return free
	default:
		return r.scalar(n, t, path)
	}
}

func (r nodeReader) section(n *yaml.Node, t reflect.Type, path string) any {
	if n.Kind != yaml.MappingNode {
		return r.fault(n, path, "is a section: keys and values are expected below it")
	}
	fields := map[string]reflect.Type{}
	for _, f := range fieldsOf(t) {
		name, _ := keyName(f)
		fields[name] = f.Type
	}
	m, lines := map[string]any{}, map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		inner := joinPath(path, key.Value)
		typ, known := fields[key.Value]
		switch {
		case !known:
			nearest := nearestKey(stripIndex(inner), r.l.keys)
			r.fault(key, "", "unknown key %q; the nearest known key is %s", inner, nearest)
		case lines[key.Value] != 0:
			r.fault(key, inner, "is set in line %d already", lines[key.Value])
		default:
			lines[key.Value] = max(key.Line, 1)
			if v := r.read(value, typ, inner); v != nil {
				m[key.Value] = v
			}
		}
	}
	return m
}

func (r nodeReader) list(n *yaml.Node, t reflect.Type, path string) any {
	if n.Kind != yaml.SequenceNode {
		return r.fault(n, path, "is a list: write each entry in a line that begins with -")
	}
	list := []any{}
	for i, item := range n.Content {
		if v := r.read(item, t.Elem(), path+"["+strconv.Itoa(i)+"]"); v != nil {
			list = append(list, v)
		}
	}
	return list
}

func (r nodeReader) duration(n *yaml.Node, path string) any {
	if n.Kind != yaml.ScalarNode {
		return r.fault(n, path, "a length of time is expected")
	}
	d, err := parseDuration(n.Value)
	if err != nil {
		return r.fault(n, path, "%v", err)
	}
	return d
}

func (r nodeReader) scalar(n *yaml.Node, t reflect.Type, path string) any {
	if n.Kind != yaml.ScalarNode {
		return r.fault(n, path, "one value is expected, not a list or section")
	}
	switch t.Kind() {
	case reflect.String:
		return n.Value
	case reflect.Bool:
		if b, err := strconv.ParseBool(n.Value); err == nil {
			return b
		}
		return r.fault(n, path, "%q is neither true nor false", n.Value)
	case reflect.Int, reflect.Int64:
		if i, err := strconv.Atoi(strings.ReplaceAll(n.Value, "_", "")); err == nil {
			return i
		}
		return r.fault(n, path, "%q is not a whole number", n.Value)
	default:
		return r.fault(n, path, "a key of type %s cannot be set", t)
	}
}

// stripIndex makes mqtt[2].url the key mqtt[].url.
func stripIndex(path string) string {
	var b strings.Builder
	inside := false
	for _, c := range path {
		inside = inside && c != ']'
		if !inside {
			b.WriteRune(c)
		}
		inside = inside || c == '['
	}
	return b.String()
}
