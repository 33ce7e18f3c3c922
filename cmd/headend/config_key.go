package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// configKey is one key of the configuration, found by walking the Config struct.
type configKey struct {
	path   string // "http.tls.key"; an element of a list is "mqtt[].url"
	typ    reflect.Type
	tag    reflect.StructTag
	nested bool // a section or a list: its parts are keys of their own
}

// environment is the variable that sets the key; "" for parts of a list, which is set whole.
func (k configKey) environment() string {
	if strings.Contains(k.path, "[]") {
		return ""
	}
	return "LASTGASP_" + strings.ToUpper(strings.ReplaceAll(k.path, ".", "_"))
}

var durationType = reflect.TypeFor[time.Duration]()

// keyName is the name of a field in the file, by its koanf tag or, in structs of codecs, its yaml tag.
func keyName(f reflect.StructField) (name string, squash bool) {
	tag, ok := f.Tag.Lookup("koanf")
	if !ok {
		tag = f.Tag.Get("yaml")
	}
	name, options, _ := strings.Cut(tag, ",")
	return name, options == "squash"
}

// fieldsOf lists the keys directly below a struct, squashed ones included.
func fieldsOf(t reflect.Type) []reflect.StructField {
	var fields []reflect.StructField
	for i := range t.NumField() {
		f := t.Field(i)
		name, squash := keyName(f)
		switch {
		case squash:
			for _, inner := range fieldsOf(f.Type) {
				inner.Index = append([]int{i}, inner.Index...)
				fields = append(fields, inner)
			}
		case name != "" && name != "-":
			fields = append(fields, f)
		}
	}
	return fields
}

// configKeys lists every key of the configuration, sections before their parts.
func configKeys() []configKey { return keysBelow("", reflect.TypeFor[Config]()) }

func keysBelow(path string, t reflect.Type) []configKey {
	var keys []configKey
	for _, f := range fieldsOf(t) {
		name, _ := keyName(f)
		key := configKey{path: joinPath(path, name), typ: f.Type, tag: f.Tag}
		inner, below := f.Type, key.path
		if inner.Kind() == reflect.Slice {
			inner, below = inner.Elem(), below+"[]"
		}
		key.nested = inner.Kind() == reflect.Struct
		keys = append(keys, key)
		if key.nested {
			keys = append(keys, keysBelow(below, inner)...)
		}
	}
	return keys
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// nearestKey is the known key that resembles an unknown one most.
func nearestKey(unknown string, keys []configKey) string {
	best, least := "", 1<<30
	for _, k := range keys {
		d := distance(unknown, k.path)
		if last(unknown) == last(k.path) { // right name, wrong section
			d = min(d, 2)
		}
		if d < least {
			best, least = k.path, d
		}
	}
	return best
}

func last(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// distance is Levenshtein's: insertions, deletions and replacements from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// parseDuration reads Go's durations and days: 90s, 1h30m, 400d.
func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 100_000 {
			return 0, fmt.Errorf("%q is not a number of days", text)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a length of time such as 500ms, 30s, 24h or 7d", text)
	}
	return d, nil
}

// formatDuration writes what parseDuration reads, without the zeros of time.Duration.String.
func formatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d > day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
