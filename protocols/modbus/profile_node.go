package modbus

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// reader walks the nodes of a YAML file and collects faults with their places.
type reader struct {
	file   string
	faults []error
}

// maxFaults bounds what is reported of one file.
const maxFaults = 50

func (r *reader) fault(n *yaml.Node, format string, args ...any) {
	line := 0
	if n != nil {
		line = n.Line
	}
	r.faultAt(line, format, args...)
}

func (r *reader) faultAt(line int, format string, args ...any) {
	if len(r.faults) < maxFaults {
		r.faults = append(r.faults, fmt.Errorf("%s:%d: %s", r.file, line, fmt.Sprintf(format, args...)))
	}
}

// section is a mapping's values by key.
type section map[string]*yaml.Node

// at is the place to name for a key: its value, or the mapping where it is missing.
func (s section) at(key string, otherwise *yaml.Node) *yaml.Node {
	if n := s[key]; n != nil {
		return n
	}
	return otherwise
}

// mapping reads a mapping with known keys. It is nil where n is none.
func (r *reader) mapping(n *yaml.Node, known ...string) section {
	names, values := r.pairs(n)
	if names == nil {
		if n != nil && n.Kind == yaml.MappingNode {
			return section{}
		}
		return nil
	}
	s := section{}
	for i, name := range names {
		if !slices.Contains(known, name) {
			r.fault(values[i], "unknown key %q; known are %v", name, known)
			continue
		}
		s[name] = values[i]
	}
	return s
}

// pairs reads a mapping in the order of the file; nothing for nil.
func (r *reader) pairs(n *yaml.Node) (names []string, values []*yaml.Node) {
	if n == nil {
		return nil, nil
	}
	if n.Kind != yaml.MappingNode {
		r.fault(n, "wanted key: value, found %s", kindOf(n))
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			r.fault(key, "a key must be a plain word")
			continue
		}
		if slices.Contains(names, key.Value) {
			r.fault(key, "%q is given twice", key.Value)
			continue
		}
		names, values = append(names, key.Value), append(values, n.Content[i+1])
	}
	return names, values
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	case yaml.AliasNode:
		return "an alias, which profiles do not use"
	}
	return fmt.Sprintf("%q", n.Value)
}

// list reads a list; a single value is a list of one.
func (r *reader) list(n *yaml.Node, most int) []*yaml.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.ScalarNode && n.Tag != "!!null":
		return []*yaml.Node{n}
	case n.Kind != yaml.SequenceNode:
		r.fault(n, "wanted a list, found %s", kindOf(n))
		return nil
	case len(n.Content) > most:
		r.fault(n, "%d entries, at most %d are allowed", len(n.Content), most)
		return nil
	}
	return n.Content
}

func (r *reader) scalar(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.fault(n, "wanted a value, found %s", kindOf(n))
		return false
	}
	return true
}

func (r *reader) text(n *yaml.Node) string {
	if n == nil || !r.scalar(n) {
		return ""
	}
	if len(n.Value) > 1000 {
		r.fault(n, "%d characters, at most 1000 are allowed", len(n.Value))
		return ""
	}
	return n.Value
}

func (r *reader) oneOf(n *yaml.Node, allowed ...string) string {
	if v := r.text(n); slices.Contains(allowed, v) {
		return v
	}
	r.fault(n, "%s; allowed are %v", kindOf(n), allowed)
	return allowed[0]
}

func (r *reader) bool(n *yaml.Node) bool {
	return n != nil && r.oneOf(n, "false", "true") == "true"
}

// number reads a whole number, decimal or 0x; standard where there is none.
func (r *reader) number(n *yaml.Node, standard, least, most int) int {
	if n == nil || !r.scalar(n) {
		return standard
	}
	v, err := strconv.ParseInt(n.Value, 0, 64)
	if err != nil || v < int64(least) || v > int64(most) {
		r.fault(n, "%q; wanted a whole number from %d to %d", n.Value, least, most)
		return standard
	}
	return int(v)
}

func (r *reader) duration(n *yaml.Node, standard, least, most time.Duration) time.Duration {
	if n == nil || !r.scalar(n) {
		return standard
	}
	d, err := time.ParseDuration(n.Value)
	if err != nil || d < least || d > most {
		r.fault(n, "%q; wanted a time from %s to %s, such as 10s or 15m", n.Value, least, most)
		return max(standard, least)
	}
	return d
}

// raws reads raw register values, one or a list, decimal or 0x.
func (r *reader) raws(n *yaml.Node) []uint64 {
	var out []uint64
	for _, e := range r.list(n, 16) {
		out = append(out, r.raw(e))
	}
	return out
}

func (r *reader) raw(n *yaml.Node) uint64 {
	if !r.scalar(n) {
		return 0
	}
	v, ok := parseRaw(n.Value)
	if !ok {
		r.fault(n, "%q is no raw value; write it as 65535 or 0xFFFF", n.Value)
	}
	return v
}

func parseRaw(s string) (uint64, bool) {
	v, err := strconv.ParseUint(s, 0, 64)
	return v, err == nil
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
