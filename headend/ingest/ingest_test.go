package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lastgasp/headend"
	"lastgasp/headend/ingest"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestMain(m *testing.M) {
	code := storetest.Main(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// gate is a store whose commits wait until they are let through, in front of a real one or none.
type gate struct {
	timeseries *timeseries.Store
	standing   map[headend.DeviceID]headend.Standing
	calls      chan []headend.Batch // each Append shows what it was given
	answer     chan error           // and waits for this
	away       error
}

func (g *gate) Append(ctx context.Context, batches []headend.Batch) (headend.Appended, error) {
	if g.calls != nil {
		g.calls <- append([]headend.Batch(nil), batches...)
		if err := <-g.answer; err != nil {
			return headend.Appended{}, err
		}
	}
	if g.timeseries == nil {
		return headend.Appended{}, nil
	}
	return g.timeseries.Append(ctx, batches)
}

func (g *gate) Ready(context.Context) error { return g.away }

func (g *gate) Standing(id headend.DeviceID) (headend.Standing, bool) {
	if g.timeseries != nil {
		return g.timeseries.Standing(id)
	}
	s, ok := g.standing[id]
	return s, ok
}

// start runs a stage until the test ends.
func start(t *testing.T, store ingest.Store, options ingest.Options) *ingest.Ingest {
	t.Helper()
	in := ingest.New(store, options)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return in
}

func reading(device headend.DeviceID, at time.Time, q headend.Quantity, v headend.Value) headend.Batch {
	return headend.Batch{Device: device, Received: noon, Raw: []byte("raw " + device),
		Readings: []headend.Reading{{Time: at, Quantity: q, Value: v}}}
}

func one(t *testing.T, s *timeseries.Store, sql string) string {
	t.Helper()
	text, err := s.Scalar(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestWhatCannotBeTrueIsSetAsideAndTheRestIsStored(t *testing.T) {
	whole := headend.Whole
	for name, c := range map[string]struct {
		batch  headend.Batch
		reason headend.Reason
		detail string
		stored int
	}{
		"1970":      {reading("M1", time.Unix(0, 0), headend.V1, headend.Real(230)), headend.ReasonBadTime, "1970-01-01T00:00:00Z", 0},
		"year 1":    {reading("M1", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), headend.V1, headend.Real(230)), headend.ReasonBadTime, "0001-01-01", 0},
		"1700":      {reading("M1", time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC), headend.V1, headend.Real(230)), headend.ReasonBadTime, "1700-01-01", 0},
		"year 9999": {reading("M1", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), headend.V1, headend.Real(230)), headend.ReasonBadTime, "9999-01-01", 0},
		"another gateway": {headend.Batch{Device: "M8", Gateway: "G1", Received: noon, Readings: reading("", noon, headend.V1, headend.Real(1)).Readings},
			headend.ReasonForeignDevice, "whose gateway is G2", 0},
		"2099":              {reading("M1", noon.AddDate(73, 0, 0), headend.V1, headend.Real(230)), headend.ReasonBadTime, "2099-11-21", 0},
		"negative register": {reading("M1", noon, headend.ImportWh, whole(-1)), headend.ReasonBadValue, "never negative", 0},
		"energy as real":    {reading("M1", noon, headend.ImportWh, headend.Real(1.5)), headend.ReasonBadValue, "not whole", 0},
		"NaN":               {reading("M1", noon, headend.V1, headend.Real(math.NaN())), headend.ReasonBadValue, "v1", 0},
		"infinite":          {reading("M1", noon, headend.V1, headend.Real(math.Inf(1))), headend.ReasonBadValue, "v1", 0},
		"no name":           {reading("M1", noon, "Größe", headend.Real(1)), headend.ReasonBadQuantity, "Größe", 0},
		"bad id":            {reading("M 1", noon, headend.V1, headend.Real(1)), headend.ReasonBadDevice, "M 1", 0},
		"a meter for another": {headend.Batch{Device: "M2", Gateway: "M1", Received: noon, Readings: reading("", noon, headend.V1, headend.Real(1)).Readings},
			headend.ReasonForeignDevice, "only a gateway", 0},
		"a gateway for one with a secret": {headend.Batch{Device: "M1", Gateway: "G1", Received: noon, Readings: reading("", noon, headend.V1, headend.Real(1)).Readings},
			headend.ReasonForeignDevice, "of its own", 0},
		"good beside bad": {headend.Batch{Device: "M3", Received: noon, Raw: []byte("raw M3"), Readings: []headend.Reading{
			{Time: noon, Quantity: headend.ImportWh, Value: whole(-5)},
			{Time: noon, Quantity: headend.V1, Value: headend.Real(230)},
			{Time: time.Unix(9, 0), Quantity: headend.V2, Value: headend.Real(230)},
			{Time: noon, Quantity: headend.V3, Value: headend.Real(231)},
		}}, headend.ReasonBadValue, "and 1 more readings", 2},
		"a log entry from 1926": {headend.Batch{Device: "M3", Received: noon, Raw: []byte("raw M3"), Events: []headend.Event{
			{Time: noon.AddDate(0, 0, -1), Type: headend.EventPowerFailure, Duration: 2_317_482_647 * time.Second},
			{Time: noon, Type: headend.EventPowerUp},
		}}, headend.ReasonBadTime, "ended 2026-11-20", 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := &gate{calls: make(chan []headend.Batch, 1), answer: make(chan error, 1), standing: map[headend.DeviceID]headend.Standing{
				"M1": {Kind: headend.KindMeter, State: headend.DeviceActive, OwnSecret: true}, "G1": {Kind: headend.KindGateway, State: headend.DeviceActive}, "M8": {Kind: headend.KindMeter, State: headend.DeviceActive, Gateway: "G2"}}}
			in := start(t, g, ingest.Options{})
			g.answer <- nil
			if err := in.Accept(t.Context(), []headend.Batch{c.batch}); err != nil {
				t.Fatal(err)
			}
			stored, refusals := 0, 0
			for _, b := range <-g.calls {
				stored += len(b.Readings) + len(b.Events)
				if b.Refusal == nil {
					continue
				}
				refusals++
				if b.Refusal.Reason != c.reason || !strings.Contains(b.Refusal.Detail, c.detail) {
					t.Errorf("refused with %v, want %s with %q", b.Refusal, c.reason, c.detail)
				}
				if string(b.Raw) != string(c.batch.Raw) {
					t.Errorf("the raw message is %q", b.Raw)
				}
			}
			if stored != c.stored || refusals != 1 {
				t.Errorf("%d stored and %d refused, want %d and 1", stored, refusals, c.stored)
			}
		})
	}
}

func TestDoubtsAreFlagged(t *testing.T) {
	g := &gate{calls: make(chan []headend.Batch, 1), answer: make(chan error, 9)}
	in := start(t, g, ingest.Options{})
	say := func(at time.Time, wh int64) headend.Quality {
		g.answer <- nil
		if err := in.Accept(t.Context(), []headend.Batch{reading("M1", at, headend.ImportWh, headend.Whole(wh))}); err != nil {
			t.Fatal(err)
		}
		return (<-g.calls)[0].Readings[0].Quality
	}
	for _, c := range []struct {
		at   time.Time
		wh   int64
		want headend.Quality
	}{
		{noon, 100, 0},
		{noon.Add(-time.Minute), 99, 0}, // late, not backwards
		{noon.Add(time.Minute), 50, headend.QualityBackwards},
		{noon.Add(2 * time.Minute), 51, 0}, // the new baseline counts up
		{noon.Add(6 * time.Minute), 52, headend.QualityClockDoubtful},
	} {
		if got := say(c.at, c.wh); got != c.want {
			t.Errorf("%d Wh at %s: quality %s, want %s", c.wh, c.at.Format(time.TimeOnly), got, c.want)
		}
	}
}

func TestAPoisonedMessageIsSetAsideAlone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		in := start(t, s, ingest.Options{})
		var batches []headend.Batch
		for i := range 50 {
			batches = append(batches, reading(headend.DeviceID(fmt.Sprintf("M%d", i)), noon, headend.V1, headend.Real(230)))
		}
		batches[17].Events = []headend.Event{{Time: noon, Type: "power_up", Detail: "\x00"}}
		if err := in.Accept(t.Context(), batches); err != nil {
			t.Fatal(err)
		}
		if got := one(t, s, "SELECT count(*)::text FROM reading"); got != "49" {
			t.Errorf("%s readings stored, want 49", got)
		}
		if got := one(t, s, "SELECT string_agg(device || ' ' || reason || ' ' || convert_from(raw, 'UTF8'), ';') FROM quarantine"); got != "M17 database raw M17" {
			t.Errorf("in quarantine: %s", got)
		}
	})
}

func TestNothingIsAcknowledgedBeforeTheCommit(t *testing.T) {
	g := &gate{calls: make(chan []headend.Batch), answer: make(chan error)}
	in := start(t, g, ingest.Options{Committers: 1})
	accepted := make(chan error, 3)
	accept := func() {
		accepted <- in.Accept(context.Background(), []headend.Batch{reading("M1", noon, headend.V1, headend.Real(1))})
	}
	notYet := func(when string) {
		t.Helper()
		select {
		case err := <-accepted:
			t.Fatalf("Accept returned %v %s", err, when)
		default:
		}
	}
	go accept()
	<-g.calls
	notYet("before the commit")
	g.answer <- errors.New("connection lost")
	<-g.calls // it is tried again
	notYet("while the database was away")
	if in.Ready() == nil {
		t.Error("ready while the database is away")
	}
	g.answer <- nil
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	if err := in.Ready(); err != nil {
		t.Errorf("not ready after a commit: %v", err)
	}
}

func TestAcceptEndsWithItsContextWhileTheDatabaseIsAway(t *testing.T) {
	g := &gate{calls: make(chan []headend.Batch, 100), answer: make(chan error, 100)}
	in := start(t, g, ingest.Options{Committers: 1})
	ctx, cancel := context.WithCancel(context.Background())
	accepted := make(chan error, 1)
	go func() { accepted <- in.Accept(ctx, []headend.Batch{reading("M1", noon, headend.V1, headend.Real(1))}) }()
	<-g.calls
	cancel()
	g.answer <- errors.New("connection lost")
	if err := <-accepted; !errors.Is(err, context.Canceled) {
		t.Errorf("Accept returned %v, want the context's error", err)
	}
}

func TestStoppingCommitsWhatWasAccepted(t *testing.T) {
	g := &gate{calls: make(chan []headend.Batch, 9), answer: make(chan error)}
	in := ingest.New(g, ingest.Options{Committers: 1})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	accepted := make(chan error, 1)
	go func() {
		accepted <- in.Accept(context.Background(), []headend.Batch{reading("M1", noon, headend.V1, headend.Real(1))})
	}()
	<-g.calls
	cancel() // in the middle of the commit
	g.answer <- nil
	if err := <-accepted; err != nil {
		t.Errorf("the commit that had begun: %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := in.Accept(context.Background(), []headend.Batch{reading("M1", noon, headend.V1, headend.Real(1))}); !errors.Is(err, ingest.ErrStopped) {
		t.Errorf("Accept after the end: %v, want ErrStopped", err)
	}
}

func TestAKilledDatabaseLosesAndDoublesNothing(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, engine timeseries.Engine) {
		server, err := storetest.Start(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := server.Remove(context.Background()); err != nil {
				t.Error(err)
			}
		})
		s := storetest.OpenURL(t, server.Database(t), timeseries.Options{Engine: engine})
		in := start(t, s, ingest.Options{})
		const writers, each = 4, 60
		var done sync.WaitGroup
		half := make(chan struct{}, writers)
		for w := range writers {
			done.Go(func() {
				for i := range each {
					if i == each/2 {
						half <- struct{}{}
					}
					b := reading(headend.DeviceID(fmt.Sprintf("M%d", w)), noon.Add(time.Duration(i)*time.Second), headend.ImportWh, headend.Whole(int64(i)))
					b.Received = b.Readings[0].Time
					if err := in.Accept(context.Background(), []headend.Batch{b}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 2 {
			<-half
			if err := server.Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := server.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		done.Wait()
		if got := one(t, s, "SELECT count(*) || ' ' || sum(import_wh) FROM reading"); got != fmt.Sprintf("%d %d", writers*each, writers*each*(each-1)/2) {
			t.Errorf("stored count and sum: %s", got)
		}
	})
}
