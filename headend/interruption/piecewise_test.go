package interruption

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"lastgasp/headend"
)

// disturb adds looks at clocks and spreads what happened over two days, so that there are quiet times between.
func (w *world) disturb(t *rapid.T) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "disturbance"), 6))
	stretch := rapid.IntRange(1, 5).Draw(t, "stretch")
	for i := range w.evidence {
		e := &w.evidence[i]
		delay := e.Received.Sub(e.Time)
		hour := e.Time.Sub(noon).Truncate(time.Hour)
		e.Time = e.Time.Add(hour * time.Duration(stretch-1))
		e.Received = e.Time.Add(delay)
	}
	for p := range w.net.points {
		for range r.IntN(3) {
			m := noon.Add(time.Duration(r.IntN(30*3600)-3600) * time.Second)
			w.evidence = append(w.evidence, Evidence{Kind: ClockSync, Device: w.net.points[p].device, Gateway: NoDevice, Seq: headend.NoSeq, Time: m, Received: m.Add(time.Second),
				Duration: time.Duration(r.IntN(60)-30) * time.Second, Count: int64(r.IntN(2))})
		}
	}
	slices.SortStableFunc(w.evidence, func(a, b Evidence) int { return a.Received.Compare(b.Received) })
}

// At any moment the ledger that was derived piece by piece, as the evidence came, is the one derived as a whole by a detector
// that got all of it at once.
func TestPiecesAreTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.disturb(t)
		if len(w.evidence) == 0 {
			return
		}
		n, every := rapid.IntRange(1, len(w.evidence)).Draw(t, "n"), rapid.IntRange(1, 10).Draw(t, "every")
		pieces, whole := New(w.net, Settings{}), New(w.net, Settings{})
		for i := range w.evidence[:n] {
			pieces.Observe(&w.evidence[i])
			whole.Observe(&w.evidence[i])
			if i == n/2 {
				for _, x := range w.decided {
					pieces.Decide(x)
				}
				for _, p := range w.plans {
					pieces.Plan(p)
				}
			}
			if i%every == 0 {
				pieces.Advance(w.evidence[i].Received)
			}
		}
		for _, x := range w.decided {
			whole.Decide(x)
		}
		for _, p := range w.plans {
			whole.Plan(p)
		}
		now := w.evidence[n-1].Received.Add(2 * time.Minute)
		pieces.Advance(now)
		whole.Advance(now)
		if diff := cmp.Diff(told(whole), told(pieces)); diff != "" {
			t.Fatalf("another ledger than derived at once:\n%s", diff)
		}
	})
}

// A late log has only its own time weighed again: what came after a quiet time is taken over as it is.
func TestLateLogHasOnlyItsTimeWeighedAgain(t *testing.T) {
	n := grid(t, 200)
	d := New(n, Settings{})
	say := func(kind Kind, p int, m time.Time, length time.Duration) {
		e := Evidence{Kind: kind, Device: meterOf(n, p), Gateway: NoDevice, Time: m, Received: m, Duration: length, Seq: headend.NoSeq}
		d.Observe(&e)
	}
	read(d, noon.Add(-2*time.Hour), 9, 0)
	for k := range 3 {
		begin := noon.Add(time.Duration(k) * 10 * time.Hour)
		for p := 50 * k; p < 50*k+50; p++ {
			say(PowerDown, p, begin.Add(time.Minute), 0)
			say(PowerUp, p, begin.Add(30*time.Minute), 0)
		}
		read(d, begin.Add(45*time.Minute), 36, 0)
	}
	d.Advance(noon.Add(32 * time.Hour))
	for p := range 50 {
		say(PowerFailure, p, noon.Add(31*time.Minute), 30*time.Minute)
	}
	c := d.Advance(noon.Add(32*time.Hour + 2*time.Minute))
	if d.spared != 2 || len(c.Interruptions) != 50 || len(c.Outages) != 1 || len(d.Outages()) != 3 {
		t.Errorf("%d outages taken over, %d interruptions and %d outages told, %d held", d.spared, len(c.Interruptions), len(c.Outages), len(d.Outages()))
	}
	wholly(t, d)
}
