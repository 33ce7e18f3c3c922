package main

import (
	"errors"
	"testing"
	"time"
)

func TestTheDemonstrationSaysThatNothingIsStored(t *testing.T) {
	begin := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC) // ten o'clock in Vietnam
	f := flow{changed: begin}
	away := errors.New("the database takes no readings since 2026-11-21T03:01:00Z:\nconnection refused")
	for i, c := range []struct {
		seconds int
		stored  float64
		ready   error
		want    string
	}{
		{15, 100, nil, ""},
		{30, 200, nil, ""},
		{45, 200, nil, ""},
		{60, 200, nil, "nothing has been stored since 10:00:30"},
		{75, 200, away, "the database takes no readings since 2026-11-21T03:01:00Z: connection refused"},
		{90, 250, nil, ""},
	} {
		if got := f.standstill(begin.Add(time.Duration(c.seconds)*time.Second), c.stored, 15*time.Second, c.ready); got != c.want {
			t.Errorf("line %d: %q, want %q", i, got, c.want)
		}
	}
}
