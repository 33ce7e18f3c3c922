package mqtt

import (
	"fmt"
	"strings"
)

// pattern is a topic filter. Besides + and # a level may be {name}: it matches any one level and
// captures it.
type pattern struct {
	levels []level
	tail   bool // ends in #
	names  []string
}

type level struct {
	text string
	any  bool
	name string // of a capture
}

func parseFilter(filter string) (pattern, error) {
	p, err := parsePattern(filter)
	if err != nil {
		return p, err
	}
	if len(p.names) > 0 {
		return p, fmt.Errorf("filter %q has {%s}, which only a mapping's own topics may have", filter, p.names[0])
	}
	return p, nil
}

func parsePattern(filter string) (pattern, error) {
	var p pattern
	if filter == "" {
		return p, fmt.Errorf("topic filter is empty")
	}
	if strings.HasPrefix(filter, "$share/") {
		return p, fmt.Errorf("topic filter %q: the $share prefix belongs to the subscription", filter)
	}
	if len(filter) > 65535 || strings.ContainsRune(filter, 0) {
		return p, fmt.Errorf("topic filter is too long or holds a zero byte")
	}
	parts := strings.Split(filter, "/")
	for i, s := range parts {
		switch {
		case s == "#":
			if i != len(parts)-1 {
				return p, fmt.Errorf("topic filter %q: # is not the last level", filter)
			}
			p.tail = true
			return p, nil
		case s == "+":
			p.levels = append(p.levels, level{any: true})
		case len(s) > 2 && s[0] == '{' && s[len(s)-1] == '}':
			name := s[1 : len(s)-1]
			p.levels = append(p.levels, level{any: true, name: name})
			p.names = append(p.names, name)
		case strings.ContainsAny(s, "+#{}"):
			return p, fmt.Errorf("topic filter %q: level %q is neither text nor a wildcard", filter, s)
		default:
			p.levels = append(p.levels, level{text: s})
		}
	}
	return p, nil
}

// filter is the pattern as an MQTT topic filter.
func (p pattern) filter() string {
	var b strings.Builder
	for i, l := range p.levels {
		if i > 0 {
			b.WriteByte('/')
		}
		if l.any {
			b.WriteByte('+')
		} else {
			b.WriteString(l.text)
		}
	}
	if p.tail {
		if len(p.levels) > 0 {
			b.WriteByte('/')
		}
		b.WriteByte('#')
	}
	return b.String()
}

func (p *pattern) match(topic string) bool { return p.captures(topic, nil) }

// captures matches a topic and hands each captured level to yield, which may be nil. A wildcard at
// the first level does not match a topic that begins with $ (MQTT 3.1.1, 4.7.2).
func (p *pattern) captures(topic string, yield func(name, text string)) bool {
	if strings.HasPrefix(topic, "$") && (len(p.levels) == 0 || p.levels[0].any) {
		return false
	}
	rest, more := topic, true
	for i := range p.levels {
		if !more {
			return false
		}
		var s string
		s, rest, more = strings.Cut(rest, "/")
		l := &p.levels[i]
		if !l.any && l.text != s {
			return false
		}
		if l.name != "" && yield != nil {
			yield(l.name, s)
		}
	}
	return p.tail || !more // a/# matches a too
}
