package office_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/headend/billing"
	"lastgasp/headend/billing/office"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

type (
	ctx          = context.Context
	stringReader = io.Reader
)

// allGaps are all that are stored, those of a state or of all.
func (f *field) allGaps(t *testing.T, state string) []headend.Gap {
	t.Helper()
	gaps, err := f.store.Gaps(t.Context(), headend.GapFilter{State: state}, 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	return gaps
}

// missing are the slots the truth says did not come, by usage point: lost, and those of the time without supply.
func (f *field) missing(late bool) map[string]map[time.Time]bool {
	out := map[string]map[time.Time]bool{}
	for _, p := range f.points {
		out[p.id] = map[time.Time]bool{}
		came := map[time.Time]bool{}
		for _, r := range p.reads {
			if late || !r.lost {
				came[r.time] = true
			}
		}
		for t := f.begin.Add(30 * time.Minute); !t.After(f.end); t = t.Add(30 * time.Minute) {
			if !came[t] {
				out[p.id][t] = true
			}
		}
	}
	return out
}

// inGaps are the slots that gaps have, by usage point.
func inGaps(t *testing.T, gaps []headend.Gap) map[string]map[time.Time]bool {
	t.Helper()
	out := map[string]map[time.Time]bool{}
	for _, g := range gaps {
		if out[g.UsagePoint] == nil {
			out[g.UsagePoint] = map[time.Time]bool{}
		}
		for s := g.From.Add(30 * time.Minute); !s.After(g.To); s = s.Add(30 * time.Minute) {
			if out[g.UsagePoint][s] {
				t.Errorf("%s: two gaps have %s", g.UsagePoint, s)
			}
			out[g.UsagePoint][s] = true
		}
	}
	return out
}

func sameSlots(t *testing.T, got, want map[string]map[time.Time]bool) {
	t.Helper()
	for id, slots := range want {
		for s := range slots {
			if !got[id][s] {
				t.Errorf("%s: %s is missing and in no gap", id, s)
			}
		}
	}
	for id, slots := range got {
		for s := range slots {
			if !want[id][s] {
				t.Errorf("%s: %s is in a gap and came", id, s)
			}
		}
	}
}

// snapshot are the bytes of a run, which must have its id as their hash.
func (f *field) snapshot(t *testing.T, id string) []byte {
	t.Helper()
	text, err := io.ReadAll(f.store.BillingBytes(t.Context(), id))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != id {
		t.Fatalf("run %s has other bytes: %x", id, sum)
	}
	return text
}

func lines(t *testing.T, text []byte) []billing.Line {
	t.Helper()
	r, err := billing.OpenSnapshot(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var out []billing.Line
	for {
		l, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
}

func makeRun(t *testing.T, f *field, o *office.Office) headend.BillingRun {
	t.Helper()
	asked, err := o.Ask(t.Context(), headend.BillingRun{By: "Lan", From: f.period.From, To: f.period.To, Values: true})
	if err != nil {
		t.Fatal(err)
	}
	run, made, err := o.Make(t.Context(), asked.Number, nil)
	if err != nil || !made || run.State != "made" {
		t.Fatalf("run %+v, made %v: %v", run, made, err)
	}
	return run
}

// TestFromLossToBill follows a street from missing reads to two billing runs: gaps, questions, estimates, late reads, the
// change between the runs. Everything is compared with the truth.
func TestFromLossToBill(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		f := newField(20260311, 12)
		f.put(t, store)
		f.send(t, time.Minute, sent)
		var asked []office.Question
		o := f.office(t, func(options *office.Options) {
			options.Ask = func(q []office.Question) bool { asked = append(asked, q...); return true }
			options.Settings.Patience.Attempts = 2
		})

		if err := o.Detect(t.Context()); err != nil {
			t.Fatal(err)
		}
		sameSlots(t, inGaps(t, f.allGaps(t, "")), f.missing(false))
		f.checkSuccess(t, false)
		f.checkHours(t)

		f.now = f.now.Add(2 * time.Hour)
		if err := o.Chase(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.checkQuestions(t, asked)
		f.now = f.now.Add(12 * 24 * time.Hour) // nobody answers
		for range 6 {
			if err := o.Chase(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.now = f.now.Add(26 * time.Hour)
		}
		if left := append(f.allGaps(t, "open"), f.allGaps(t, "requested")...); len(left) > 0 {
			t.Errorf("patience is over, and %d gaps wait, the first %+v", len(left), left[0])
		}
		if len(f.allGaps(t, "estimated")) == 0 {
			t.Error("nothing was estimated")
		}

		first := makeRun(t, f, o)
		kept := f.snapshot(t, first.ID)
		f.checkLines(t, lines(t, kept))
		if again := makeRun(t, f, o); again.ID != first.ID {
			t.Errorf("the same inputs made %s, then %s", first.ID, again.ID)
		}

		if n := f.send(t, 30*24*time.Hour, func(_ *fieldPoint, r fieldRead) bool { return r.lost }); n == 0 {
			t.Fatal("nothing was lost")
		}
		if err := o.Fill(t.Context()); err != nil {
			t.Fatal(err)
		}
		var open []headend.Gap
		for _, g := range f.allGaps(t, "") {
			if g.State != "filled" {
				open = append(open, g)
			}
		}
		sameSlots(t, inGaps(t, open), f.missing(true))
		f.checkSuccess(t, true)
		f.checkVersions(t)

		second := makeRun(t, f, o)
		f.checkChange(t, o, first, second)
		if !bytes.Equal(f.snapshot(t, first.ID), kept) {
			t.Error("the first run has other bytes than before")
		}
	})
}

// checkSuccess compares the counts of read success with the truth.
func (f *field) checkSuccess(t *testing.T, late bool) {
	t.Helper()
	want := headend.SuccessRow{Expected: int64(len(f.points)) * int64(f.end.Sub(f.begin)/(30*time.Minute))}
	for _, slots := range f.missing(late) {
		want.Missing += int64(len(slots))
	}
	lost := int64(0)
	for _, slots := range f.missing(false) {
		lost += int64(len(slots))
	}
	want.Late = lost - want.Missing
	want.InTime = want.Expected - lost
	found, err := f.store.Success(t.Context(), headend.SuccessFilter{Whole: true, From: f.begin, To: f.end, Pending: f.end.Add(time.Hour)}, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0] != want {
		t.Errorf("read success %+v, truth is %+v", found, want)
	}
}

// checkHours compares what the store counts over sets with what the core counts meter by meter.
func (f *field) checkHours(t *testing.T) {
	t.Helper()
	schedule := billing.Schedule{Every: 30 * time.Minute, Tolerance: time.Minute, Zone: hanoi}
	book := billing.SuccessBook{}
	for _, p := range f.points {
		for _, m := range p.meters {
			owed := billing.Period{From: f.begin, To: f.end}
			if m.from.After(owed.From) {
				owed.From = m.from
			}
			if !m.to.IsZero() {
				owed.To = m.to
			}
			var came []billing.Arrival
			for _, r := range p.reads {
				if r.meter == m.id && !r.lost {
					came = append(came, billing.Arrival{Time: r.time, Received: r.time.Add(time.Minute)})
				}
			}
			book.Count(billing.SuccessKey{}, schedule, schedule.Intervals(owed), came, 24*time.Hour, f.now.Add(48*time.Hour))
		}
	}
	found, err := f.store.Success(t.Context(), headend.SuccessFilter{From: f.begin, To: f.end, Pending: f.end.Add(time.Hour)}, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(book) {
		t.Errorf("%d hours, the core has %d", len(found), len(book))
	}
	for _, r := range found {
		want := book[billing.SuccessKey{Hour: r.Bucket}]
		if got := (billing.Success{Expected: int(r.Expected), InTime: int(r.InTime), Late: int(r.Late), Missing: int(r.Missing), Pending: int(r.Pending)}); got != want {
			t.Errorf("%s: %+v, the core has %+v", r.Bucket, got, want)
		}
	}
}

// checkQuestions: whoever has reads in his memory was asked for them, who had no supply was not.
func (f *field) checkQuestions(t *testing.T, asked []office.Question) {
	t.Helper()
	if len(asked) == 0 {
		t.Error("nobody was asked")
	}
	for _, q := range asked {
		if q.Gateway != "G1" || !q.From.Before(q.To) || !q.Expires.After(f.now) {
			t.Errorf("question %+v", q)
		}
		for _, p := range f.points {
			for _, m := range p.meters {
				if m.id == q.Device && !p.dark.From.IsZero() && p.dark.Contains(billing.Period{From: q.From, To: q.To}) {
					t.Errorf("%s was asked for a time without supply", q.Device)
				}
			}
		}
	}
}

// checkLines compares what is billed with the truth.
func (f *field) checkLines(t *testing.T, all []billing.Line) {
	t.Helper()
	seen := map[string]int{}
	if len(all) != len(f.points) {
		t.Fatalf("%d lines of %d usage points", len(all), len(f.points))
	}
	for i, l := range all {
		p := f.points[i]
		if c := l.Consumption; c.Absent == "" && c.How == billing.Exact {
			seen["exact"]++
			if truth := p.truth[f.period.To] - p.truth[f.period.From]; c.Wh != truth {
				t.Errorf("%s: %d Wh, truth is %d", p.id, c.Wh, truth)
			}
			for _, part := range c.Parts {
				if part.Rolled {
					seen["roll-over"]++
				}
			}
			seen["parts"] += len(c.Parts)
		} else {
			t.Errorf("%s: consumption %+v", p.id, c)
		}
		if len(l.Values) != int(f.period.Length()/(30*time.Minute)) {
			t.Errorf("%s has %d intervals", p.id, len(l.Values))
		}
		for _, v := range l.Values {
			truth := p.truth[v.Period.To] - p.truth[v.Period.From]
			switch v.State {
			case billing.Measured:
				seen["measured"]++
				if v.Wh != truth {
					t.Errorf("%s %s: measured %d Wh, truth is %d", p.id, v.Period.From, v.Wh, truth)
				}
			case billing.Estimated:
				seen[string(v.Method)]++
				if v.Method == "" || v.Absent == "" {
					t.Errorf("%s %s: an estimate that does not say how and why: %+v", p.id, v.Period.From, v)
				}
				if v.Method == billing.ByInterruption && truth != 0 {
					t.Errorf("%s %s: zero, truth is %d", p.id, v.Period.From, truth)
				}
			default:
				seen["missing"]++
				if v.Absent == "" {
					t.Errorf("%s %s: missing without a reason", p.id, v.Period.From)
				}
			}
		}
	}
	if seen["roll-over"] == 0 || seen["parts"] <= len(f.points) || seen["zero_in_interruption"] == 0 || seen["linear"]+seen["like_days"] == 0 {
		t.Errorf("something did not happen: %v", seen)
	}
	t.Log(seen)
}

// checkVersions: of every interval that was estimated and came after all, the measured value is the last version, and the estimate
// is still there.
func (f *field) checkVersions(t *testing.T) {
	t.Helper()
	replaced := 0
	for _, p := range f.points {
		all, err := f.store.ValueVersions(t.Context(), p.id, headend.ImportWh, f.begin, f.end, 100_000)
		if err != nil {
			t.Fatal(err)
		}
		came := map[time.Time]bool{}
		for _, r := range p.reads {
			came[r.time] = true
		}
		for i, v := range all {
			last := i+1 == len(all) || !all[i+1].From.Equal(v.From)
			switch {
			case last && v.State == "estimated" && came[v.From] && came[v.To]:
				t.Errorf("%s %s: %s, although it came", p.id, v.From, v.State)
			case v.State == "measured":
				replaced++
				if truth := p.truth[v.To] - p.truth[v.From]; v.Wh != truth || v.Version < 2 {
					t.Errorf("%s %s: version %d is %d Wh, truth is %d", p.id, v.From, v.Version, v.Wh, truth)
				}
			}
		}
	}
	if replaced == 0 {
		t.Error("no estimate has a measured value after it")
	}
}

// checkChange: what changed between the runs are estimates that became measured, and nothing measured became anything else.
func (f *field) checkChange(t *testing.T, o *office.Office, first, second headend.BillingRun) {
	t.Helper()
	replaced := 0
	err := o.Changes(t.Context(), first.ID, second.ID, func(c billing.Change) error {
		for _, v := range c.Values {
			if v.Before.State == billing.Measured && *v.Before != *v.After && v.Before.Wh != v.After.Wh {
				t.Errorf("%s %s: a measured value changed", c.UsagePoint, v.Period.From)
			}
			if v.Before.State == billing.Estimated && v.After.State == billing.Measured {
				replaced++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if replaced == 0 {
		t.Error("the change feed shows no estimate replaced")
	}
}

// TestRegistersOfAllAtOnce are those of one usage point after the other: at slots, where some are lost, between slots, at an exchange.
func TestRegistersOfAllAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		f := newField(20260312, 12)
		f.put(t, store)
		f.send(t, time.Minute, sent)
		o := f.office(t, nil)
		tell := func(q headend.CutOffQuestion) (all []string) {
			q.Quantity = headend.ImportWh
			if err := o.Registers(t.Context(), q, func(usagePoint string, r billing.Read, m *headend.Multiplier) error {
				all = append(all, fmt.Sprintf("%s %+v %+v", usagePoint, r, *m))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return all
		}
		how := map[string]bool{}
		for _, at := range []time.Time{f.begin, f.period.From, f.period.From.Add(9 * time.Hour), f.period.From.Add(9*time.Hour + 7*time.Minute), f.points[1].exchange, f.points[5].exchange, f.end} {
			var want []string
			for after := ""; ; {
				page := tell(headend.CutOffQuestion{At: at, After: after, Limit: 5})
				if len(page) == 0 {
					break
				}
				want = append(want, page...)
				after = f.points[len(want)-1].id
			}
			all := tell(headend.CutOffQuestion{At: at})
			if len(all) != len(f.points) {
				t.Fatalf("%d usage points", len(all))
			}
			for i := range all {
				how[billing.Exact.String()] = how[billing.Exact.String()] || strings.Contains(all[i], billing.Exact.String())
				how[billing.Interpolated.String()] = how[billing.Interpolated.String()] || strings.Contains(all[i], billing.Interpolated.String())
				if all[i] != want[i] {
					t.Errorf("%s:\n%s at once\n%s by itself", at, all[i], want[i])
				}
			}
		}
		if !how[billing.Exact.String()] || !how[billing.Interpolated.String()] {
			t.Errorf("only %v came about", how)
		}
	})
}

// TestAReviewShowsWhatCameLate: a run that was handed out is made anew by itself, once a day and only where something came in late; what
// differs is the change.
func TestAReviewShowsWhatCameLate(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		f := newField(20260313, 8)
		f.put(t, store)
		f.send(t, time.Minute, sent)
		o := f.office(t, nil)
		day := func() (last headend.BillingRun) {
			t.Helper()
			f.now = f.now.Add(24 * time.Hour)
			for _, step := range []func(ctx) error{o.Detect, o.Fill, o.Review, o.Review, o.MakeWaiting} {
				if err := step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			runs, err := store.BillingRuns(t.Context(), "", 0, 100)
			if err != nil {
				t.Fatal(err)
			}
			if len(runs) > 0 {
				last = runs[0]
			}
			return last
		}
		if last := day(); last.Number != 0 {
			t.Fatalf("a review of nothing: %+v", last)
		}
		first := makeRun(t, f, o)
		if last := day(); last.Number != first.Number || last.Review != 0 {
			t.Fatalf("nothing came in, and there is %+v", last)
		}
		if n := f.send(t, 30*24*time.Hour, func(_ *fieldPoint, r fieldRead) bool { return r.lost }); n == 0 {
			t.Fatal("nothing was lost")
		}
		review := day()
		if review.Number != first.Number+1 || review.ReviewOf != first.Number || review.State != "made" || review.ID == first.ID || !review.Values {
			t.Fatalf("%+v reviews %+v", review, first)
		}
		f.checkChange(t, o, first, review)
		if again, err := store.BillingRun(t.Context(), first.ID); err != nil || again.Review != review.Number {
			t.Errorf("%+v, %v", again, err)
		}
		if last := day(); last.Number != review.Number {
			t.Errorf("nothing came in, and there is %+v", last)
		}
		f.send(t, 31*24*time.Hour, func(p *fieldPoint, r fieldRead) bool { return p == f.points[0] && r.time.Equal(f.period.To) }) // the same again
		if last := day(); last.ReviewOf != first.Number || last.ID != review.ID {
			t.Errorf("the same again made %+v of %+v", last, review)
		}
		f.now = f.now.Add(63 * 24 * time.Hour)
		f.send(t, 32*24*time.Hour, func(p *fieldPoint, r fieldRead) bool { return p == f.points[1] && r.time.Equal(f.period.To) })
		if last := day(); last.Number != review.Number+1 {
			t.Errorf("a run of a long past was reviewed: %+v", last)
		}
	})
}

// TestEachDayIsValidated: what rules hold against the day before is known without a run, and is what a run over that day finds.
func TestEachDayIsValidated(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		f := newField(20260314, 60) // more than go through at once
		f.put(t, store)
		last := billing.Period{From: billing.StartOfDay(hanoi, 2026, 3, 13), To: billing.StartOfDay(hanoi, 2026, 3, 14)}
		for i, r := range f.points[55].reads { // said otherwise before
			if !r.time.Before(last.From.Add(3*time.Hour)) && r.time.Before(last.From.Add(4*time.Hour)) {
				f.points[55].reads[i].wh--
				f.send(t, time.Second, func(p *fieldPoint, x fieldRead) bool { return p == f.points[55] && x.time.Equal(r.time) })
				f.points[55].reads[i] = r
			}
		}
		f.send(t, time.Minute, sent)
		o := f.office(t, nil)
		findings := func() (all []string) {
			t.Helper()
			found, err := store.Findings(t.Context(), headend.FindingFilter{From: f.begin, To: f.end.AddDate(0, 1, 0)}, headend.FindingPlace{}, 10_000)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range found {
				if x.From.Before(last.From) || x.To.After(last.To) {
					t.Errorf("%+v is not of that day", x)
				}
				all = append(all, fmt.Sprint(x.UsagePoint, x.Quantity, x.Rule, x.From, x.To, x.Detail))
			}
			return all
		}
		for range 2 { // the second time there is nothing to do
			if err := o.Validate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		validated := findings()
		points := map[string]bool{}
		for _, x := range validated {
			points[x[:4]] = true
		}
		if len(points) < 2 || !points["U055"] {
			t.Fatalf("%d findings against %d usage points: %v", len(validated), len(points), validated)
		}
		asked, err := o.Ask(t.Context(), headend.BillingRun{By: "Lan", From: last.From, To: last.To})
		if err != nil {
			t.Fatal(err)
		}
		if _, made, err := o.Make(t.Context(), asked.Number, nil); err != nil || !made {
			t.Fatal(made, err)
		}
		if diff := cmp.Diff(validated, findings()); diff != "" {
			t.Errorf("a run finds something else (-validated +run):\n%s", diff)
		}
	})
}
