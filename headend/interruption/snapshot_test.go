package interruption

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A detector that is killed at any line and started again from its snapshot tells the same story: the same ledger,
// the same numbers, no revision twice.
func TestRestart(t *testing.T) {
	for _, file := range []string{"04_nested_fault", "02_step_restoration", "21_late_log_makes_it_momentary", "operator_splits", "phase_lost"} {
		t.Run(file, func(t *testing.T) {
			s := readScenario(t, "testdata/"+file+".scenario")
			var story []Interruption
			undisturbed := s.detector()
			for i := range s.lines {
				s.feed(t, undisturbed, &s.lines[i], 0)
				story = append(story, undisturbed.Advance(s.lines[i].arrival).Interruptions...)
			}
			for cut := 1; cut < len(s.lines); cut += 1 + len(s.lines)/17 {
				var told []Interruption
				d := s.detector()
				for i := range s.lines[:cut] {
					s.feed(t, d, &s.lines[i], 0)
					told = append(told, d.Advance(s.lines[i].arrival).Interruptions...)
				}
				text, err := json.Marshal(d.Snapshot([]byte("cursor")))
				if err != nil {
					t.Fatal(err)
				}
				var kept Snapshot
				if err := json.Unmarshal(text, &kept); err != nil {
					t.Fatal(err)
				}
				d = s.detector()
				d.Restore(kept)
				for i := cut - 1; i >= 0; i-- {
					s.feed(t, d, &s.lines[i], 0)
				}
				told = append(told, d.Advance(kept.Now).Interruptions...)
				for i := cut; i < len(s.lines); i++ {
					s.feed(t, d, &s.lines[i], 0)
					told = append(told, d.Advance(s.lines[i].arrival).Interruptions...)
				}
				if diff := cmp.Diff(story, told); diff != "" {
					t.Fatalf("killed after line %d:\n%s", s.lines[cut-1].number, diff)
				}
			}
		})
	}
}

// What is older than the window leaves memory without a word, and what comes about it is refused.
func TestWindow(t *testing.T) {
	s := readScenario(t, "testdata/02_step_restoration.scenario")
	d := s.detector()
	for i := range s.lines {
		s.feed(t, d, &s.lines[i], 0)
		d.Advance(s.lines[i].arrival)
	}
	if len(d.Interruptions()) != 30 {
		t.Fatalf("%d interruptions", len(d.Interruptions()))
	}
	later := s.lines[len(s.lines)-1].arrival.Add(80 * time.Hour)
	c := d.Advance(later)
	if len(c.Removed)+len(c.Withdrawn) != 0 {
		t.Errorf("%d removed, %d withdrawn: they only leave memory", len(c.Removed), len(c.Withdrawn))
	}
	if n := len(d.Interruptions()); n != 0 {
		t.Errorf("%d interruptions are still held", n)
	}
	for p := range d.records {
		if dos := d.records[p].dossier; dos != nil && len(dos.events) > 0 {
			t.Fatalf("%s still has %d events", d.net.PointID(PointNo(p)), len(dos.events))
		}
	}
	e := s.lines[len(s.lines)/2].evidence(s.net)
	if v := d.Observe(&e); v != TooOld || d.Refused(TooOld) != 1 {
		t.Errorf("%v, counted %d", v, d.Refused(TooOld))
	}
}
