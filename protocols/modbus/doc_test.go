package modbus

import (
	"os"
	"strings"
	"testing"
)

// The profile that the manual shows is one that loads.
func TestTheManualsProfile(t *testing.T) {
	text, err := os.ReadFile("../../docs/modbus.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	profile, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("no profile in the manual")
	}
	if _, err := ParseProfile("acme_rc7.yaml", []byte(profile)); err != nil {
		t.Error(err)
	}
}
