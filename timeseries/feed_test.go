package timeseries_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// fed collects what a store gives the detector.
type fed struct {
	events    map[string]int
	signs     map[headend.LifeSign]int
	plans     []headend.Plan
	decisions []headend.Decision
}

func (f *fed) Event(device, gateway int32, received time.Time, e *headend.Event) {
	if f.events == nil {
		f.events = map[string]int{}
	}
	f.events[fmt.Sprintf("%d %d %s %s %s %d %s %s %s %q", device, gateway, received.Format(time.TimeOnly), e.Time.Format(time.TimeOnly), e.Type, e.Seq, e.Duration, e.Phases, e.Quality, e.Detail)]++
}

func (f *fed) LifeSign(_ time.Time, s headend.LifeSign) {
	if f.signs == nil {
		f.signs = map[headend.LifeSign]int{}
	}
	f.signs[s]++
}

func (f *fed) Plan(p headend.Plan)         { f.plans = append(f.plans, p) }
func (f *fed) Decision(d headend.Decision) { f.decisions = append(f.decisions, d) }

func (f *fed) feed(t *testing.T, s *timeseries.Store, cursor string) string {
	t.Helper()
	next, err := s.Feed(t.Context(), cursor, f)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func replay(t *testing.T, s *timeseries.Store, from time.Time) (*fed, string) {
	t.Helper()
	f := &fed{}
	cursor, err := s.Replay(t.Context(), from, f)
	if err != nil {
		t.Fatal(err)
	}
	return f, cursor
}

func gasp(device headend.DeviceID, at time.Time, seq int64) headend.Batch {
	return headend.Batch{Device: device, Received: at.Add(3 * time.Second), Events: []headend.Event{{Time: at, Type: headend.EventPowerDown, Seq: seq}}}
}

func TestFeedGivesWhatWasStored(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		_, cursor := replay(t, s, noon.Add(-time.Hour))
		b := batch("M1", noon.Add(20*time.Second), "v1", 229.8, "v2", 3.0, string(headend.QuantityFailures), 7)
		b.Gateway = "G1"
		b.Events = []headend.Event{
			{Time: noon, Type: headend.EventPowerFailure, Seq: 4, Duration: 2500 * time.Millisecond, Phases: headend.L1 | headend.L3, Quality: headend.QualityHistorical, Detail: `{"a":1}`},
			{Time: noon, Type: "odd_type", Seq: headend.NoSeq}}
		appendAll(t, s, b)
		number := table(t, s, "SELECT number FROM device WHERE id IN ('M1', 'G1') ORDER BY id DESC")
		f := &fed{}
		cursor = f.feed(t, s, cursor)
		want := map[string]int{
			number[0] + " " + number[1] + ` 12:00:22 12:00:00 power_failure 4 2.5s L1,L3 historical "{\"a\":1}"`: 1,
			number[0] + " " + number[1] + ` 12:00:22 12:00:00 odd_type -1 0s  measured ""`:                       1,
		}
		if diff := cmp.Diff(want, f.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		var device int32
		if _, err := fmt.Sscan(number[0], &device); err != nil {
			t.Fatal(err)
		}
		sign := headend.LifeSign{Device: device, Time: noon, Present: headend.L1, Absent: headend.L2, Counter: headend.CountsAll, Count: 7}
		if diff := cmp.Diff(map[headend.LifeSign]int{sign: 1}, f.signs); diff != "" {
			t.Errorf("signs of life (-want +got):\n%s", diff)
		}
		again := &fed{}
		if next := again.feed(t, s, cursor); len(again.events)+len(again.signs) > 0 || next == "" {
			t.Errorf("given again: %+v", again)
		}
		// the comparing road leaves its signs too
		appendAll(t, s, batch("M1", noon.Add(20*time.Second), "v1", 229.8), batch("M1", noon.Add(80*time.Second), "p", 5.0))
		again.feed(t, s, cursor)
		if n := again.signs[headend.LifeSign{Device: device, Time: noon.Add(time.Minute)}]; n != 1 || len(again.signs) != 2 {
			t.Errorf("signs of the comparing road: %+v", again.signs)
		}
	})
}

func TestACursorOfAnotherDatabaseIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		for _, cursor := range []string{"", "nonsense", "9000000000:9000000000:"} {
			if _, err := s.Feed(t.Context(), cursor, &fed{}); !errors.Is(err, headend.ErrCursor) || errors.Is(err, headend.ErrAway) {
				t.Errorf("cursor %q: %v", cursor, err)
			}
		}
	})
}

func TestReplayGivesWhatTheDevicesSaidSince(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		appendAll(t, s, gasp("M1", noon.Add(-time.Second), 1), gasp("M1", noon, 2), batch("M1", noon.Add(-time.Minute), "p", 1.0), batch("M1", noon.Add(-time.Hour), "p", 1.0))
		appendAll(t, s, batch("M1", noon.Add(30*time.Second), "p", 1.0))
		plan := headend.Plan{ID: "W1", Kind: headend.PlanCut, Node: "T1", UsagePoints: []string{"U2", "U1"}, From: noon.AddDate(-1, 0, 0), To: noon.AddDate(-1, 0, 1), Reason: "pole", Notice: noon.AddDate(-1, -1, 0), Revised: noon.AddDate(-1, -1, 0), By: "office"}
		if err := s.PutPlans(t.Context(), []headend.Plan{plan}); err != nil {
			t.Fatal(err)
		}
		decision, err := s.Decide(t.Context(), headend.Decision{Kind: headend.DecideMerge, Made: noon, By: "an", Note: "one tree", Node: "T1", Moment: noon, OtherPoint: "U2", OtherMoment: noon.Add(time.Minute)})
		if err != nil || decision.Number == 0 {
			t.Fatal(decision, err)
		}
		f, _ := replay(t, s, noon.Add(15*time.Second).Add(-15*time.Second))
		if len(f.events) != 1 || len(f.signs) != 1 {
			t.Errorf("since noon: %+v", f)
		}
		if diff := cmp.Diff([]headend.Plan{plan}, f.plans); diff != "" {
			t.Errorf("plans (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]headend.Decision{decision}, f.decisions); diff != "" {
			t.Errorf("decisions (-want +got):\n%s", diff)
		}
		if f, _ := replay(t, s, noon.Add(-2*time.Hour)); len(f.events) != 2 || len(f.signs) != 3 {
			t.Errorf("of two hours: %+v", f)
		}
	})
}

// Writers commit out of order and one transaction stays open the longest: Replay and the Feeds after it give each
// committed event, sign, plan and decision once, and nothing of what was rolled back.
func TestEvidenceIsGivenOnceWhateverOrderItCommitsIn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		const insertEvent = "INSERT INTO event (device, time, type, seq, received) VALUES (1, $1, 'power_down', $2, $1)"
		appendAll(t, s, gasp("M1", noon.Add(time.Hour), 1)) // makes the partition
		pool := timeseries.Pool(s)
		long, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := long.Exec(t.Context(), insertEvent, noon, 1_000_000); err != nil {
			t.Fatal(err)
		}
		var committed atomic.Int64
		var writers sync.WaitGroup
		for w := range 4 {
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			writers.Go(func() {
				for i := range 60 {
					n, err := 1, error(nil)
					switch seq := int64(1000*w + i); rng.IntN(4) {
					case 0:
						_, err = s.Append(context.Background(), []headend.Batch{gasp(headend.DeviceID(fmt.Sprintf("W%d", w)), noon, seq)})
					case 1:
						err = s.PutPlans(context.Background(), []headend.Plan{{ID: fmt.Sprint("P", seq), Kind: headend.PlanCut, Node: "T1", From: noon, To: noon.Add(time.Hour), Revised: noon}})
					case 2:
						_, err = s.Append(context.Background(), []headend.Batch{batch(headend.DeviceID(fmt.Sprintf("W%d", w)), noon.Add(time.Duration(i)*time.Minute), "p", 1.0)})
					default: // a transaction of its own, with pauses for others to overtake it, sometimes taken back
						n, err = slowTransaction(pool.Begin, rng, insertEvent, seq)
					}
					if err != nil {
						t.Error(err)
					}
					committed.Add(int64(n))
				}
			})
		}
		done := make(chan struct{})
		go func() { writers.Wait(); close(done) }()
		all, cursor := replay(t, s, noon.Add(-time.Hour))
		feeds := 0
		for over := false; !over; feeds++ {
			select {
			case <-done:
				over = true
			default:
			}
			cursor = all.feed(t, s, cursor)
		}
		if all.events[longEvent] != 0 {
			t.Error("the open transaction was seen")
		}
		if err := long.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		cursor = all.feed(t, s, cursor)
		all.feed(t, s, cursor)
		if all.events[longEvent] != 1 {
			t.Error("what was long open was not seen once committed")
		}
		got := int64(len(all.events) + len(all.signs) + len(all.plans))
		if want := committed.Load() + 2; got != want { // and the one of the open transaction, and the first
			t.Errorf("%d pieces of evidence after %d feeds, %d were committed", got, feeds, want)
		}
		for what, n := range all.events {
			if n != 1 {
				t.Errorf("%s was given %d times", what, n)
			}
		}
		for what, n := range all.signs {
			if n != 1 {
				t.Errorf("%+v was given %d times", what, n)
			}
		}
		ids := map[string]bool{}
		for _, p := range all.plans {
			if ids[p.ID] {
				t.Errorf("plan %s was given twice", p.ID)
			}
			ids[p.ID] = true
		}
		if whole, _ := replay(t, s, noon.Add(-time.Hour)); len(whole.events) != len(all.events) || len(whole.signs) != len(all.signs) || len(whole.plans) != len(all.plans) {
			t.Errorf("a replay gives %d, %d and %d; replay and feeds gave %d, %d and %d", len(whole.events), len(whole.signs), len(whole.plans), len(all.events), len(all.signs), len(all.plans))
		}
	})
}

const longEvent = `1 0 12:00:00 12:00:00 power_down 1000000 0s  measured ""`

func slowTransaction(begin func(context.Context) (pgx.Tx, error), rng *rand.Rand, sql string, seq int64) (int, error) {
	ctx := context.Background()
	tx, err := begin(ctx)
	if err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, sql, noon, seq); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, "SELECT pg_sleep($1)", rng.Float64()/50); err != nil { // the server's own pace: others overtake
		return 0, err
	}
	if rng.IntN(3) == 0 {
		return 0, tx.Rollback(ctx)
	}
	return 1, tx.Commit(ctx)
}

// counted is a feed that keeps nothing.
type counted struct{ events, signs int }

func (c *counted) Event(int32, int32, time.Time, *headend.Event) { c.events++ }
func (c *counted) LifeSign(time.Time, headend.LifeSign)          { c.signs++ }
func (c *counted) Plan(headend.Plan)                             {}
func (c *counted) Decision(headend.Decision)                     {}

// What a storm brings in is fed within seconds, and a feed of nothing costs nothing beside it; with LEDGER_ROWS_LONG=1 it brings half a million.
func TestAStormIsFedInSeconds(t *testing.T) {
	many := 100_000
	if os.Getenv("LEDGER_ROWS_LONG") != "" {
		many = 500_000
	}
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		appendAll(t, s, gasp("M1", noon.AddDate(0, 0, -3), 1), gasp("M1", noon, 1))
		_, cursor := replay(t, s, noon)
		if _, err := timeseries.Pool(s).Exec(t.Context(), `INSERT INTO event (device, time, type, seq, detail, received)
			SELECT g, $1::timestamptz + g % 600 * INTERVAL '1 second', CASE g % 5 WHEN 0 THEN 'power_up' ELSE 'power_down' END, -1, '', $1 FROM generate_series(1, $2::int) g`, noon, many); err != nil {
			t.Fatal(err)
		}
		for call := range 10 {
			var all []headend.Batch
			for i := range 2000 {
				all = append(all, batch(headend.DeviceID(fmt.Sprintf("M%d", i)), noon.Add(time.Duration(call)*time.Minute), "v1", 230.0))
			}
			appendAll(t, s, all...)
		}
		c := &counted{}
		began := time.Now()
		next, err := s.Feed(t.Context(), cursor, c)
		took := time.Since(began)
		if err != nil || c.events != many || c.signs != 20_000 {
			t.Fatalf("%+v, %v", c, err)
		}
		began = time.Now()
		if _, err := s.Feed(t.Context(), next, c); err != nil || c.events != many {
			t.Fatalf("%+v, %v", c, err)
		}
		idle := time.Since(began)
		began = time.Now()
		if _, err := s.Replay(t.Context(), noon, c); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d events and 20000 signs: fed in %s, nothing in %s, replayed in %s", many, took.Round(time.Millisecond), idle.Round(100*time.Microsecond), time.Since(began).Round(time.Millisecond))
		if took > 15*time.Second || idle > 2*time.Second {
			t.Errorf("fed in %s, nothing in %s", took, idle)
		}
	})
}

func TestSignsOfLifeAreDroppedAndPlansAreNot(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		now := time.Now()
		appendAll(t, s, batch("M1", now.Add(-7*24*time.Hour), "p", 1.0))
		appendAll(t, s, batch("M1", now.Add(-5*24*time.Hour), "p", 1.0))
		if err := s.PutPlans(t.Context(), []headend.Plan{{ID: "W1", Kind: headend.PlanCut, Node: "T1", From: noon.AddDate(-3, 0, 0), To: noon.AddDate(-2, 0, 0), Revised: noon}}); err != nil {
			t.Fatal(err)
		}
		timeseries.Forget(t.Context(), s, now)
		f, _ := replay(t, s, now.AddDate(-1, 0, 0))
		if len(f.signs) != 1 || len(f.plans) != 1 {
			t.Errorf("%+v", f)
		}
	})
}

// While an outage lasts, the signs of life from when it began are replayed: a restart must find the same customers in it.
func TestSignsOfLifeStayWhileAnOutageLasts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		now := time.Now()
		for _, days := range []int{40, 20, 9, 1} {
			appendAll(t, s, batch("M1", now.AddDate(0, 0, -days), "p", 1.0))
		}
		epoch, _, _ := lease(t, s, "a")
		kept := func(from time.Time, want int) {
			t.Helper()
			record(t, s, epoch, headend.Detection{ReplayFrom: from})
			timeseries.Forget(t.Context(), s, now)
			if f, _ := replay(t, s, now.AddDate(-1, 0, 0)); len(f.signs) != want {
				t.Errorf("replayed from %s: %d signs of life are left, not %d", from.Format(time.DateOnly), len(f.signs), want)
			}
		}
		kept(now.AddDate(-1, 0, 0), 3) // a year is too much
		kept(now.AddDate(0, 0, -10), 2)
		kept(now.AddDate(0, 0, -5), 1)
	})
}
