package main

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestAPatternForAllDevicesIsRefusedBeforeServing(t *testing.T) {
	for pattern, want := range map[string]string{"zigbee2mqtt/{device}": "", "zigbee2mqtt/#": "no level is {device}", "{device}/#/b": "last level"} {
		c := Defaults()
		c.Broker.Publish = []string{"x/{device}", pattern}
		_, err := newDrivers(c, nil, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "broker.publish[1]")) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}
