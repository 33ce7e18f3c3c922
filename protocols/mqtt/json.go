package mqtt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"lastgasp/headend"
)

// jsonState is a parser with its scratch memory, one to a goroutine at a time.
type jsonState struct {
	parser fastjson.Parser
	text   []byte
}

var jsonStates = sync.Pool{New: func() any { return new(jsonState) }}

// errTooDeep says a JSON text nests deeper than the limit.
var errTooDeep = errors.New("too deep")

// errTooMany says a message has more parts than one message may have.
var errTooMany = errors.New("too many")

// parse reads one JSON text. Depth is checked before the recursive parser sees it.
func (s *jsonState) parse(text []byte, depth int) (*fastjson.Value, error) {
	if err := checkDepth(text, depth); err != nil {
		return nil, err
	}
	return s.parser.ParseBytes(text)
}

// checkDepth bounds nesting by counting brackets, first all of them, which is quick and enough for
// what meters send, then only those outside of strings.
func checkDepth(text []byte, most int) error {
	if bytes.Count(text, []byte{'{'})+bytes.Count(text, []byte{'['}) <= most {
		return nil
	}
	depth, deepest := 0, 0
	inString := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	if deepest > most {
		return fmt.Errorf("JSON nests %d levels, at most %d are allowed: %w", deepest, most, errTooDeep)
	}
	return nil
}

// refusalOf says how a JSON text that cannot be parsed is refused.
func refusalOf(err error) (headend.Reason, string) {
	if errors.Is(err, errTooDeep) || errors.Is(err, errTooMany) {
		return headend.ReasonTooLarge, err.Error()
	}
	return headend.ReasonMalformed, clip(printable(err.Error()))
}

// eachItem hands on the objects of a message, which is one object or an array of them, as the bytes
// they were sent as, so that a broken one is refused alone. It stops when yield returns false, and
// returns an error when the array has no end.
func eachItem(text []byte, yield func(item []byte) bool) error {
	text = trim(text)
	if len(text) == 0 || text[0] != '[' {
		yield(text)
		return nil
	}
	depth, start := 0, 1
	inString := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
		case c == ',' && depth == 1:
			if !yield(trim(text[start:i])) {
				return nil
			}
			start = i + 1
		case c == '}' || c == ']':
			depth--
			if depth > 0 {
				continue
			}
			if i != len(text)-1 || c != ']' {
				return errors.New("characters after the end of the array")
			}
			if last := trim(text[start:i]); len(last) > 0 || start > 1 {
				yield(last)
			}
			return nil
		}
	}
	return errors.New("array without an end")
}

// trim is bytes.TrimSpace, but of blanks it leaves a slice and not nil: a refusal shows what it is of.
func trim(text []byte) []byte {
	if t := bytes.TrimSpace(text); t != nil {
		return t
	}
	return text[:0]
}

// validText tells whether a payload is UTF-8, as JSON must be.
func validText(text []byte) bool { return utf8.Valid(text) }

// number reads the number in a JSON value, which may be a number or a text that holds one. It returns
// errNotMeasured for null and its like. s.text keeps the text for an error message.
func (s *jsonState) number(v *fastjson.Value) (headend.Decimal, error) {
	switch v.Type() {
	case fastjson.TypeNumber:
		s.text = v.MarshalTo(s.text[:0])
	case fastjson.TypeString:
		text, err := v.StringBytes()
		if err != nil {
			return headend.Decimal{}, err
		}
		s.text = append(s.text[:0], text...)
	case fastjson.TypeNull:
		return headend.Decimal{}, errNotMeasured
	default:
		s.text = v.MarshalTo(s.text[:0])
		return headend.Decimal{}, fmt.Errorf("%s: %w", clip(strconv.QuoteToASCII(string(s.text))), headend.ErrNotANumber)
	}
	return parseNumber(s.text)
}

// time reads RFC 3339 or Unix seconds or milliseconds.
func (s *jsonState) time(v *fastjson.Value) (t time.Time, err error) {
	switch v.Type() {
	case fastjson.TypeString:
		text, err := v.StringBytes()
		if err != nil {
			return t, err
		}
		t, err = parseTime(text)
		if err != nil {
			return t, fmt.Errorf("%.60q is %w", text, err)
		}
		return t, nil
	case fastjson.TypeNumber:
		s.text = v.MarshalTo(s.text[:0])
		d, err := headend.ParseDecimal(s.text)
		if err == nil {
			t, err = fromUnix(d)
		}
		if err != nil {
			return t, fmt.Errorf("%.60q is %w", s.text, errNotATime)
		}
		return t, nil
	}
	return t, fmt.Errorf("a JSON %s is %w", v.Type(), errNotATime)
}

// detail collects what a device added to an event, as a JSON object within headend.MaxEventDetail.
// What does not fit is left out and "truncated" says so.
type detail struct {
	buffer    []byte
	truncated bool
}

const truncatedMark = `"truncated":true`

func (d *detail) add(key []byte, raw []byte) {
	k := appendJSONString(nil, key)
	if len(d.buffer)+len(k)+len(raw)+len(truncatedMark)+4 > headend.MaxEventDetail {
		d.truncated = true
		return
	}
	d.comma()
	d.buffer = append(append(append(d.buffer, k...), ':'), raw...)
}

func (d *detail) comma() {
	if len(d.buffer) == 0 {
		d.buffer = append(d.buffer, '{')
	} else {
		d.buffer = append(d.buffer, ',')
	}
}

// String is the object, "" when nothing was added. PostgreSQL's JSON cannot hold the character
// U+0000, so it becomes the replacement character. It returns an error when a part is no JSON.
func (d *detail) String() (string, error) {
	if d.truncated {
		d.comma()
		d.buffer = append(d.buffer, truncatedMark...)
		d.truncated = false
	}
	if len(d.buffer) == 0 {
		return "", nil
	}
	text := append(d.buffer, '}')
	if !json.Valid(text) {
		return "", errors.New("details are not valid JSON")
	}
	return string(replaceZero(text)), nil
}

// replaceZero changes the escape of U+0000 where it is one: after an even number of backslashes.
func replaceZero(text []byte) []byte {
	zero := []byte(`\u0000`)
	if !bytes.Contains(text, zero) {
		return text
	}
	for i := 0; i+len(zero) <= len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if bytes.HasPrefix(text[i:], zero) {
			copy(text[i:], `\ufffd`)
		}
		i++ // past the escaped character
	}
	return text
}

// appendJSONString appends a text as a JSON string.
func appendJSONString[T ~string | ~[]byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
	}
	return append(dst, '"')
}

// appendJSON appends a value as it was sent. The parser's own writer quotes a text it has looked into
// the way Go does, which is not JSON.
func appendJSON(dst []byte, v *fastjson.Value) []byte {
	if v.Type() == fastjson.TypeString {
		return appendJSONString(dst, v.GetStringBytes())
	}
	return v.MarshalTo(dst)
}

// printable keeps what a terminal can show of a text that repeats bytes of a message.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
