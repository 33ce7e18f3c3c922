package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// metricsOf reads single values from /metrics.
func metricsOf(t *testing.T, address string, names ...string) []float64 {
	t.Helper()
	response, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float64, len(names))
	for i, name := range names {
		found := false
		for line := range strings.Lines(string(text)) {
			if n, err := fmt.Sscanf(line, name+" %g", &values[i]); err == nil && n == 1 {
				found = true
				break
			}
		}
		if !found {
			t.Fatalf("no %s in /metrics", name)
		}
	}
	return values
}
