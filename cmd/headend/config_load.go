package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"
)

// configFile is read when it is there and no other is named.
const configFile = "lastgasp.yaml"

// configSources says where the configuration comes from; the later field wins.
type configSources struct {
	File        string   // a file that must be there; "": configFile where it exists
	Environment []string // KEY=value, as os.Environ gives it
	Settings    []string // section.key=value, of --set
}

// LoadConfig reads the sources over the defaults and checks the whole. The error names every fault with
// its place: file and line, variable or flag, the key, and for an unknown key the nearest known one.
func LoadConfig(from configSources) (Config, error) {
	l := &configLoader{keys: configKeys(), k: koanf.New("."), places: map[string]string{}}
	l.readFile(from.File)
	l.readEnvironment(from.Environment)
	l.readSettings(from.Settings)
	if len(l.faults) > 0 {
		return Config{}, errors.Join(l.faults...)
	}
	config := Defaults()
	if err := l.k.Unmarshal("", &config); err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	if err := l.k.UnmarshalWithConf("codecs", &config.Codecs, koanf.UnmarshalConf{Tag: "yaml"}); err != nil {
		return Config{}, fmt.Errorf("configuration: codecs: %w", err)
	}
	faults := config.readSecrets()
	faults = append(faults, config.faults()...)
	for i, fault := range faults {
		faults[i] = l.placed(fault)
	}
	return config, errors.Join(faults...)
}

type configLoader struct {
	keys   []configKey
	k      *koanf.Koanf
	places map[string]string // key: where it was set last
	faults []error
}

// loaded is a map as a provider of koanf: what it holds has been checked against the Config struct.
type loaded map[string]any

func (m loaded) ReadBytes() ([]byte, error)    { return nil, errors.New("a map has no bytes") }
func (m loaded) Read() (map[string]any, error) { return m, nil }

func (l *configLoader) merge(m map[string]any) {
	if err := l.k.Load(loaded(m), nil); err != nil {
		l.faults = append(l.faults, err)
	}
}

func (l *configLoader) readFile(name string) {
	required := name != ""
	if !required {
		name = configFile
	}
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, os.ErrNotExist) && !required:
		return
	case err != nil:
		l.faults = append(l.faults, fmt.Errorf("configuration file: %w", err))
		return
	}
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return
	} else if err != nil {
		l.faults = append(l.faults, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: ")))
		return
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		l.faults = append(l.faults, fmt.Errorf("%s: has a second document after ---; one is read", name))
	}
	r := nodeReader{l: l, place: func(n *yaml.Node) string { return name + ":" + strconv.Itoa(n.Line) }}
	if m, ok := r.read(document.Content[0], reflect.TypeFor[Config](), "").(map[string]any); ok {
		l.merge(m)
	}
}

// notSettings are variables with our prefix that are no keys: the one of --config, and those of tests.
func notSetting(name string) bool {
	return name == "LASTGASP_CONFIG" || name == "LASTGASP_TOKEN" || name == "LASTGASP_TOKEN_FILE" || name == "LASTGASP_SHARED" || strings.HasPrefix(name, "LASTGASP_TEST_")
}

func (l *configLoader) readEnvironment(environment []string) {
	byName := map[string]configKey{}
	for _, k := range l.keys {
		if name := k.environment(); name != "" {
			byName[name] = k
		}
	}
	for _, pass := range []string{"DATABASE_URL=", "LASTGASP_"} { // ours wins over the one everybody reads
		for _, entry := range environment {
			name, value, _ := strings.Cut(entry, "=")
			if !strings.HasPrefix(entry, pass) || notSetting(name) {
				continue
			}
			key, ok := byName[name]
			switch {
			case name == "DATABASE_URL":
				key = byName["LASTGASP_DATABASE_URL"]
			case !ok:
				path := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "LASTGASP_"), "_", "."))
				nearest := nearestKey(path, l.keys)
				l.faults = append(l.faults, fmt.Errorf("environment variable %s: unknown; the nearest known key is %s", name, nearest))
				continue
			}
			l.set(key, value, "environment variable "+name)
		}
	}
}

func (l *configLoader) readSettings(settings []string) {
	for _, setting := range settings {
		path, value, ok := strings.Cut(setting, "=")
		if !ok {
			l.faults = append(l.faults, fmt.Errorf("--set %s: has no =; write --set section.key=value", setting))
			continue
		}
		if key, ok := l.find(path); ok {
			l.set(key, value, "--set "+path)
		} else {
			l.faults = append(l.faults, fmt.Errorf("--set %s: unknown key %q; the nearest known key is %s", path, path, nearestKey(path, l.keys)))
		}
	}
}

func (l *configLoader) find(path string) (configKey, bool) {
	for _, k := range l.keys {
		if k.path == path {
			return k, true
		}
	}
	return configKey{}, false
}

// set gives a key the text of a variable or flag. Sections and lists are written in YAML there.
func (l *configLoader) set(key configKey, text, place string) {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	if key.nested || key.typ.Kind() == reflect.Slice || key.typ.Kind() == reflect.Map {
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(text), &document); err != nil || len(document.Content) == 0 {
			l.faults = append(l.faults, fmt.Errorf("%s: %s is a section or a list and needs YAML or JSON", place, key.path))
			return
		}
		node = document.Content[0]
	}
	r := nodeReader{l: l, place: func(*yaml.Node) string { return place }}
	value := r.read(node, key.typ, key.path)
	if value == nil {
		return
	}
	parts := strings.Split(key.path, ".")
	for i := len(parts) - 1; i > 0; i-- {
		value = map[string]any{parts[i]: value}
	}
	l.merge(map[string]any{parts[0]: value})
}

// keyFault is a value that is wrong, before it is known who set it.
type keyFault struct {
	path   string
	reason string
}

func (f *keyFault) Error() string { return f.path + ": " + f.reason }

// placed adds to a fault of a key where the key was set.
func (l *configLoader) placed(err error) error {
	var fault *keyFault
	if errors.As(err, &fault) {
		if place, ok := l.places[fault.path]; ok {
			return fmt.Errorf("%s: %w", place, err)
		}
	}
	return err
}
