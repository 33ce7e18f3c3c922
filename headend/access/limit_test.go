package access

import (
	"testing"
	"time"

	"lastgasp/headend"
)

func TestANameIsLockedLongerWithEachFailure(t *testing.T) {
	last := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for count, want := range map[int]time.Duration{0: 0, 4: 0, 5: 30 * time.Second, 6: time.Minute, 7: 2 * time.Minute, 9: 8 * time.Minute,
		10: 15 * time.Minute, 1_000_000: 15 * time.Minute} {
		f := headend.Failures{Count: count, Last: last}
		until := LockedUntil(f, last)
		if want == 0 && !until.IsZero() || want > 0 && !until.Equal(last.Add(want)) {
			t.Errorf("%d failures lock until %v, want %v after the last", count, until, want)
		}
		if until := LockedUntil(f, last.Add(want)); !until.IsZero() {
			t.Errorf("%d failures still lock after %v, until %v", count, want, until)
		}
	}
}

func TestASessionEndsByItsLengthAndWhenIdle(t *testing.T) {
	seen := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	limits := Limits{Session: 8 * time.Hour, Idle: time.Hour}
	s := &headend.Session{Seen: seen, Expires: seen.Add(2 * time.Hour)}
	if limits.Over(s, seen.Add(time.Hour-1)) || !limits.Over(s, seen.Add(time.Hour)) {
		t.Error("an idle session does not end after exactly an hour")
	}
	s.Seen = s.Expires.Add(-time.Second) // in use until the end
	if limits.Over(s, s.Expires.Add(-1)) || !limits.Over(s, s.Expires) {
		t.Error("a session in use does not end when it expires")
	}
}
