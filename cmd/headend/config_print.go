package main

import (
	"bytes"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// foreignDocs are the doc texts of keys whose structs belong to the drivers.
var foreignDocs = map[string]string{
	"broker.listen":               "host:port without TLS; empty: none",
	"broker.insecure":             "true: may be reached from other machines without TLS, passwords and reads in the clear",
	"broker.tls":                  "the listener with TLS",
	"broker.tls.listen":           "host:port; empty: none",
	"broker.tls.certificate":      "PEM file, chain included",
	"broker.tls.key":              "PEM file, mode 0600",
	"broker.tls.client_ca":        "PEM file; a client certificate it signed names the device by its common name",
	"broker.tls.require_client":   "true: a device without such a certificate is turned away",
	"broker.max_connections":      "devices connected at once",
	"broker.connect_rate":         "new connections a second; others wait",
	"broker.connect_timeout":      "from the connection to the end of CONNECT, and for one packet to arrive whole",
	"broker.write_timeout":        "how long a device may refuse to read before it is cut off",
	"broker.stop_timeout":         "how long the last commits may take when the program stops",
	"broker.session_expiry":       "how long a persistent session outlives its connection",
	"broker.max_packet_bytes":     "bytes",
	"broker.max_buffer_bytes":     "bytes of read buffers in all, beyond the first 2 KiB of each connection",
	"broker.in_flight":            "messages of one device not yet acknowledged",
	"broker.batch_messages":       "most messages handed on together",
	"broker.batch_bytes":          "most bytes handed on together",
	"broker.batch_delay":          "how long a batch may wait for company",
	"broker.accepts":              "batches being stored at once",
	"broker.connections_a_device": "connections of one device at once; further ones are refused",
	"broker.sessions_a_device":    "persistent sessions of one device",
	"broker.subscriptions":        "subscriptions of one device",
	"broker.foreign_topics":       "publishes to foreign topics before the connection is closed",
	"mqtt[].name":                 "what this broker is called in logs, metrics and /readyz",
	"mqtt[].servers":              "tcp://host:1883 or ssl://host:8883, tried in order",
	"mqtt[].client_id":            "connection i is client_id-i; has to stay the same: the broker keeps what we have not acknowledged for it; default lastgasp-HOST",
	"mqtt[].username":             "at the broker",
	"mqtt[].password":             "at the broker; better in password_file",
	"mqtt[].password_file":        "file with the password, mode 0600",
	"mqtt[].tls":                  "for ssl://",
	"mqtt[].tls.ca":               "PEM file of the authority that signed the broker's certificate; default: the system's",
	"mqtt[].tls.certificate":      "PEM file of our certificate, where the broker asks for one",
	"mqtt[].tls.key":              "PEM file of its key, mode 0600",
	"mqtt[].tls.server_name":      "name expected in the broker's certificate; default: the host",
	"mqtt[].filters":              "topic filters to receive; default: those of codecs.bindings",
	"mqtt[].qos":                  "of the subscriptions, 1 or 2; default 1",
	"mqtt[].connections":          "at once; default 4",
	"mqtt[].shared":               "shared subscriptions: auto, on or off; default auto",
	"mqtt[].group":                "of the shared subscription, the same for all head-ends; default lastgasp",
	"mqtt[].in_flight":            "messages of one connection not yet acknowledged; default 8192",
	"mqtt[].batch_messages":       "most messages handed on together; default 4096",
	"mqtt[].batch_bytes":          "most bytes handed on together; default 4194304",
	"mqtt[].batch_delay":          "how long a batch may wait for company; default 2ms",
	"mqtt[].accepts":              "batches being stored at once; default 3",
	"mqtt[].keep_alive":           "between pings; default 60s",
	"mqtt[].connect_timeout":      "default 10s",
	"mqtt[].write_timeout":        "default 10s",
	"mqtt[].retry_most":           "longest pause between attempts to connect; default 5s",
	"mqtt[].stop_timeout":         "how long the last commits may take when the program stops; default 20s",
	"codecs.bindings":             "topic filter, codec and its options, tried in order",
	"codecs.bindings[].filter":    "MQTT topic filter with + and #",
	"codecs.bindings[].codec":     "native, sparkplug, senml, p1, mapping, ...",
	"codecs.bindings[].options":   "the codec's own",
	"codecs.zone":                 "zone of local times without an offset; empty: the utility's",
	"codecs.limits":               "what one message may hold; beyond it goes to quarantine",
	"codecs.limits.message_bytes": "bytes of payload",
	"codecs.limits.json_depth":    "objects and arrays inside each other",
	"codecs.limits.readings":      "values",
	"codecs.limits.devices":       "devices",
	"codecs.limits.events":        "events",
}

// keyDoc is what is said of a key.
func keyDoc(path string, tag reflect.StructTag) string {
	if doc := tag.Get("doc"); doc != "" {
		return doc
	}
	return foreignDocs[stripIndex(path)]
}

// Print writes the configuration as a file that could be read again, each key with what it means.
// Secrets are masked.
func (c Config) Print() ([]byte, error) {
	root, err := printSection(reflect.ValueOf(c), "")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("print the configuration: %w", err)
	}
	return b.Bytes(), e.Close()
}

func printSection(v reflect.Value, path string) (*yaml.Node, error) {
	section := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fieldsOf(v.Type()) {
		name, _ := keyName(f)
		inner := joinPath(path, name)
		value, err := printValue(v.FieldByIndex(f.Index), inner, f.Tag)
		if err != nil {
			return nil, err
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Value: name}
		if value.Kind == yaml.ScalarNode || value.Style == yaml.FlowStyle {
			value.LineComment = keyDoc(inner, f.Tag)
		} else {
			key.HeadComment = keyDoc(inner, f.Tag)
		}
		section.Content = append(section.Content, key, value)
	}
	return section, nil
}

func printValue(v reflect.Value, path string, tag reflect.StructTag) (*yaml.Node, error) {
	switch {
	case v.Type() == durationType:
		return scalarNode("!!str", formatDuration(time.Duration(v.Int()))), nil
	case v.Kind() == reflect.Struct:
		return printSection(v, path)
	case v.Kind() == reflect.Slice:
		list := &yaml.Node{Kind: yaml.SequenceNode}
		if v.Len() == 0 {
			list.Style = yaml.FlowStyle
		}
		for i := range v.Len() {
			item, err := printValue(v.Index(i), path+"[]", "")
			if err != nil {
				return nil, err
			}
			list.Content = append(list.Content, item)
		}
		return list, nil
	case v.Kind() == reflect.Bool:
		return scalarNode("!!bool", strconv.FormatBool(v.Bool())), nil
	case v.Kind() == reflect.Int:
		return scalarNode("!!int", strconv.FormatInt(v.Int(), 10)), nil
	case v.Kind() == reflect.String:
		node := scalarNode("!!str", mask(v.String(), secrecy(path, tag)))
		if node.Value == "" {
			node.Style = yaml.DoubleQuotedStyle
		}
		return node, nil
	default:
		node := &yaml.Node{}
		if err := node.Encode(v.Interface()); err != nil {
			return nil, fmt.Errorf("print %s: %w", path, err)
		}
		return node, nil
	}
}

// secrecy is how a key has to be masked: by its tag, or by its name in structs that are not ours.
func secrecy(path string, tag reflect.StructTag) string {
	if last(path) == "password" {
		return "all"
	}
	return tag.Get("secret")
}

func scalarNode(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

const masked = "********"

// mask hides a secret: all of it, or of a connection string everything that may hold a password.
func mask(value, how string) string {
	if value == "" || how == "" {
		return value
	}
	if how != "url" {
		return masked
	}
	scheme, rest, ok := strings.Cut(value, "://")
	if !ok { // key=value form: which part is the password depends on quoting, so none is shown
		return masked
	}
	if user, host, ok := cutLast(rest, "@"); ok {
		name, _, secret := strings.Cut(user, ":")
		if secret {
			name += ":" + masked
		}
		rest = name + "@" + host
	}
	if address, query, ok := strings.Cut(rest, "?"); ok && strings.Contains(query, "password") {
		rest = address + "?" + masked
	}
	return scheme + "://" + rest
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}
