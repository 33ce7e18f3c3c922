package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"lastgasp/headend"
)

// Bounds of what is remembered for those who follow the stream.
const (
	mostRemembered = 10_000                 // outages; whoever is further behind is told to list again
	pauseOfFeed    = 250 * time.Millisecond // between two questions: what changes meanwhile is told once
	pauseOfDoubt   = 30 * time.Second       // after which it asks though nobody told of a change
	pauseOfFault   = 2 * time.Second
)

// feed reads what changes, once for all who follow it: one question to the database for each change,
// however many clients there are. It runs while there is a client.
//
// It holds the newest state of each outage that was last written after revision from and not after revision
// to. A client is at a revision; what lies between that and to is what it has not been told.
type feed struct {
	api     *API
	part    string // of the organisation, that it tells of
	clients int    // under the lock of stream
	stop    context.CancelFunc
	ended   chan struct{}
	asked   chan struct{} // has room for one: somebody wishes for something

	mu     sync.Mutex
	news   chan struct{} // closed, and made anew, when what follows changes
	held   span          // its changes are never changed in place
	wishes int           // how many there were
	served int           // how many of them have had a question of the database since
	back   int64         // the lowest revision somebody wishes to be told from
}

// change is an outage as it is told.
type change struct {
	revision int64
	number   int64
	body     []byte // JSON
}

// startFeed starts a feed of the part of the organisation that a principal sees; end ends it.
func (a *API) startFeed(p *headend.Principal) *feed {
	ctx, stop := context.WithCancel(headend.WithPrincipal(context.Background(), p))
	f := &feed{api: a, part: p.Part(), stop: stop, ended: make(chan struct{}), asked: make(chan struct{}, 1),
		news: make(chan struct{}), held: span{from: -1, to: -1}, back: math.MaxInt64}
	go func() {
		defer close(f.ended)
		f.run(ctx)
	}()
	return f
}

// end stops the feed and waits for it.
func (f *feed) end() {
	f.stop()
	<-f.ended
}

// wish asks for what was written after a revision, -1 for nothing before now. The answer is there when
// since says so for the ticket.
func (f *feed) wish(after int64) (ticket int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wishes++
	if after >= 0 {
		f.back = min(f.back, after)
	}
	select {
	case f.asked <- struct{}{}:
	default: // it knows already
	}
	return f.wishes
}

// since gives what was written after a revision and up to revision to, oldest first. It is complete unless
// told is false: then more has changed than is remembered, or the ledger never had that revision. news is closed when
// there may be more; to is -1 while the wish has not been served.
func (f *feed) since(ticket int, after int64) (changes []change, to int64, told bool, news <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.served < ticket:
		return nil, -1, true, f.news
	case after < 0:
		return nil, f.held.to, true, f.news
	case after < f.held.from || after > f.held.to:
		return nil, f.held.to, false, f.news
	}
	i, _ := slices.BinarySearchFunc(f.held.changes, after+1, func(c change, r int64) int { return cmp.Compare(c.revision, r) })
	return f.held.changes[i:], f.held.to, true, f.news
}

func (f *feed) run(ctx context.Context) {
	changed, cancel := f.api.options.Outages.OutagesChanged()
	defer cancel()
	wait := pauseOfDoubt
	for f.sleep(ctx, wait, changed) {
		wait = pauseOfDoubt
		if err := f.ask(ctx); err != nil && ctx.Err() == nil {
			f.api.options.Log.Warn("changes of outages not read; who follows them is told later", "error", err)
			wait = pauseOfFault
		}
		if !f.sleep(ctx, pauseOfFeed, nil) {
			return
		}
	}
}

// sleep waits for a time; where there is a channel of changes, also for a change or a wish. It is false when ctx ended.
func (f *feed) sleep(ctx context.Context, d time.Duration, changed <-chan struct{}) bool {
	var asked <-chan struct{}
	if changed != nil {
		asked = f.asked
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-changed:
	case <-asked:
	case <-timer.C:
	}
	return true
}

// ask reads what was written since the last time, and what somebody wishes for besides. It takes its turn among the
// questions.
func (f *feed) ask(ctx context.Context) error {
	if !f.api.takePlace(ctx) {
		return ctx.Err()
	}
	defer func() { <-f.api.questions }()
	ctx, cancel := context.WithTimeout(ctx, f.api.options.QuestionTimeout)
	defer cancel()
	f.mu.Lock()
	held, wishes, back := f.held, f.wishes, f.back
	f.mu.Unlock()
	revision, err := f.api.options.Outages.LedgerRevision(ctx) // before the outages, so that none up to it is missed
	if err != nil {
		return err
	}
	if held.to < 0 || held.to > revision { // at the beginning, or the database was put back to an older state
		held = span{from: revision, to: revision}
	}
	if back < held.from { // further back, if it is not too much
		older, complete, err := f.read(ctx, span{from: back, to: back}, revision)
		if err != nil {
			return err
		}
		if complete {
			f.take(older, wishes, back)
			return nil
		}
	}
	newer, complete, err := f.read(ctx, held, revision)
	if err != nil {
		return err
	}
	if !complete { // too much at once: all who follow must list again
		newer = span{from: revision, to: revision}
	}
	f.take(newer, wishes, back)
	return nil
}

// span is the newest state of each outage last written after revision from and not after to.
type span struct {
	changes  []change // by revision and number
	from, to int64
}

// read adds to a span what was written since, up to a revision that is known to be there. complete is false when it is too much.
func (f *feed) read(ctx context.Context, held span, revision int64) (longer span, complete bool, err error) {
	found, err := f.api.options.Outages.Outages(ctx, headend.OutageFilter{States: everyState, Revision: held.to}, nil, mostRemembered+1)
	if err != nil || len(found) > mostRemembered {
		return held, false, err
	}
	bodies, err := f.api.render(ctx, found)
	if err != nil {
		return held, false, err
	}
	longer = span{from: held.from, to: max(held.to, revision)}
	written := make(map[int64]bool, len(found))
	for i := range found {
		written[found[i].Number] = true
		longer.to = max(longer.to, found[i].Revision)
		longer.changes = append(longer.changes, change{found[i].Revision, found[i].Number, bodies[i]})
	}
	for _, c := range held.changes {
		if !written[c.number] {
			longer.changes = append(longer.changes, c)
		}
	}
	slices.SortFunc(longer.changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.revision, b.revision), cmp.Compare(a.number, b.number))
	})
	if over := len(longer.changes) - mostRemembered; over > 0 { // the oldest are forgotten
		longer.from = longer.changes[over-1].revision
		longer.changes = slices.Clone(longer.changes[over:])
	}
	return longer, true, nil
}

// take puts what was read in place of what was held, and tells all who wait.
func (f *feed) take(s span, wishes int, back int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held, f.served = s, wishes
	if f.back == back {
		f.back = math.MaxInt64
	}
	close(f.news)
	f.news = make(chan struct{})
}

// render makes outages into JSON.
func (a *API) render(ctx context.Context, found []headend.Outage) ([][]byte, error) {
	if len(found) == 0 {
		return nil, nil
	}
	items, err := a.named(ctx, found)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, len(items))
	for i := range items {
		if out[i], err = json.Marshal(items[i]); err != nil {
			return nil, fmt.Errorf("outage %d: %w", items[i].Number, err)
		}
	}
	return out, nil
}
