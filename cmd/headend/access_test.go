package main

import (
	"strings"
	"testing"

	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestAccountsTokensAndTheTrailAtTheCommandLine(t *testing.T) {
	environment := ownDatabase(t)
	inEmptyDir(t)
	run := func(words string, args ...string) string {
		t.Helper()
		status, out, errs := command(t, environment, args...)
		if status != exitDone || !strings.Contains(out, words) {
			t.Fatalf("%v: %d %s%s, want %q", args, status, out, errs, words)
		}
		return out
	}
	run("password ", "user", "add", "lan", "--role", "administrator")
	run("password ", "user", "add", "mai", "--role", "viewer")
	run("may not log in", "user", "disable", "mai")
	run("disabled", "user", "list")
	if status, _, errs := command(t, environment, "user", "disable", "lan"); status != exitFailed || !strings.Contains(errs, "last administrator") {
		t.Errorf("the last administrator: %d %s", status, errs)
	}
	if status, _, errs := command(t, environment, "user", "add", "x", "--role", "king"); status != exitFailed || !strings.Contains(errs, `no role "king"`) {
		t.Errorf("no such role: %d %s", status, errs)
	}
	if token := run("lg_", "token", "add", "bills", "--scope", "look,bill"); len(strings.TrimSpace(token)) != 46 {
		t.Errorf("token %q", token)
	}
	run("bill,look", "token", "list")
	run("lets nobody in", "token", "revoke", "1")
	last := strings.TrimSpace(run("none changed", "audit", "verify"))
	run("none changed", "audit", "verify", "--last", last[strings.LastIndex(last, " ")+1:])
	if lines := strings.Count(run(`"what":"user add"`, "audit", "export"), "\n"); lines != 5 {
		t.Errorf("%d entries, want 5", lines)
	}
	store := storetest.OpenURL(t, strings.TrimPrefix(environment[0], "DATABASE_URL="), timeseries.Options{})
	if _, err := store.Scalar(t.Context(), "WITH off AS (SELECT set_config('session_replication_role', 'replica', false)) UPDATE audit SET who = (SELECT 'somebody' FROM off) WHERE number = 2 RETURNING who"); err == nil {
		t.Error("an entry was changed, and nothing stopped it")
	}
}
