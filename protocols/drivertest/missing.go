package drivertest

import (
	"os"
	"testing"
)

// Missing ends a test that needs a program which this machine does not have: skipped for who tries things out, failed in CI,
// where `make test` has installed it by name.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
