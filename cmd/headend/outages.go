package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/api"
)

// outagesCommand is `headend outages`: what a running head-end knows of outages, in a terminal.
type outagesCommand struct {
	Number int64  `arg:"" optional:"" help:"Print the outage of this number, with why it is known and how it went."`
	All    bool   `help:"Restored, closed and withdrawn ones too, newest start first."`
	Watch  bool   `help:"Stay, and show every change."`
	URL    string `placeholder:"URL" help:"Where the head-end answers (default: http.listen of the configuration)."`
	Token  string `placeholder:"TOKEN" help:"What lets it in (default: LASTGASP_TOKEN, LASTGASP_TOKEN_FILE, or the token of this machine); others on this machine can read flags."`
}

// Run lists outages, prints one, or watches.
func (c *outagesCommand) Run(p *program) error {
	p.looks.Store(true)
	config, err := p.config()
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(config.Zone)
	if err != nil {
		return fmt.Errorf("zone: %w", err)
	}
	from, err := newClient(p, c.URL, c.Token, config)
	if err != nil {
		return err
	}
	screen := newScreen(p.stdout, p.environment, zone)
	switch {
	case c.Number != 0 && (c.Watch || c.All):
		return errors.New("--watch and --all are for the list; without them one outage is printed")
	case c.Number != 0:
		return c.one(p.ctx, from, screen)
	case c.Watch:
		w := &outageWatch{from: from, screen: screen, all: c.All}
		return w.run(p.ctx)
	}
	outages, more, err := listOutages(p.ctx, from, c.All)
	if err != nil {
		return err
	}
	if err := screen.list(outages, c.All, time.Now()); err != nil {
		return err
	}
	if more {
		_, err = fmt.Fprintf(p.stderr, "These are the %d with the newest start; %s/api/v1/outages has the others.\n", len(outages), from.url)
	}
	return err
}

func (c *outagesCommand) one(ctx context.Context, from *client, screen *screen) error {
	var o api.OutageDetail
	if err := from.get(ctx, "/api/v1/outages/"+strconv.FormatInt(c.Number, 10), &o); err != nil {
		return err
	}
	return screen.detail(&o, time.Now())
}

// mostListed bounds a list in a terminal.
const mostListed = 10_000

// listOutages asks for the open outages, or for all; more says that there are others beyond the bound.
func listOutages(ctx context.Context, from *client, all bool) (outages []api.Outage, more bool, err error) {
	query := url.Values{"limit": {"1000"}}
	states := []string{"open"}
	if all {
		states = append(states, "restored", "closed", "withdrawn")
	}
	query["state"] = states
	for {
		var page api.Page[api.Outage]
		if err := from.get(ctx, "/api/v1/outages?"+query.Encode(), &page); err != nil {
			return nil, false, err
		}
		outages = append(outages, page.Items...)
		if page.Next == "" || len(outages) >= mostListed {
			return outages, page.Next != "", nil
		}
		query.Set("cursor", page.Next)
	}
}

// outageWatch keeps a list on the terminal as the stream changes it. Where standard output is no terminal it
// prints a line for each change instead.
type outageWatch struct {
	from    *client
	screen  *screen
	all     bool
	listed  bool
	stale   bool // the list must be asked for again
	outages map[int64]api.Outage
	trouble string // why the list may be old; "" while the stream flows
}

// watchNews is an event of the stream, or the end of a connection.
type watchNews struct {
	event streamEvent
	err   error
}

// run watches until ctx ends. It returns an error when the head-end does not answer at the beginning; later it
// tries again.
func (w *outageWatch) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	news, ended := make(chan watchNews), make(chan struct{})
	go func() {
		defer close(ended)
		w.follow(ctx, news)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	grow := time.NewTicker(5 * time.Second) // ages do
	defer grow.Stop()
	soon := time.NewTimer(time.Hour) // changes that come together are painted once
	defer soon.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case n := <-news:
			if err := w.hear(ctx, n); err != nil {
				return err
			}
			soon.Reset(100 * time.Millisecond)
			continue
		case <-grow.C:
		case <-soon.C:
		}
		if err := w.relist(ctx); err != nil {
			return err
		}
		if err := w.paint(); err != nil {
			return err
		}
	}
}

// follow connects to the stream, again and again, and passes on what it says.
func (w *outageWatch) follow(ctx context.Context, news chan<- watchNews) {
	position := ""
	tell := func(n watchNews) {
		select {
		case news <- n:
		case <-ctx.Done():
		}
	}
	for {
		err := w.from.follow(ctx, position, func(e streamEvent) {
			position = cmp.Or(e.ID, position)
			tell(watchNews{event: e})
		})
		tell(watchNews{err: err})
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
			return
		}
	}
}

// hear takes in what the stream says.
func (w *outageWatch) hear(ctx context.Context, n watchNews) error {
	if n.err != nil {
		if !w.listed {
			return n.err
		}
		w.trouble = n.err.Error()
		return nil
	}
	w.trouble = ""
	if !w.listed || n.event.Kind == "reset" { // the list is asked for after the stream began, so that nothing falls between
		w.stale = true
	}
	if err := w.relist(ctx); err != nil || n.event.Kind != "outage" {
		return err
	}
	var o api.Outage
	if err := json.Unmarshal([]byte(n.event.Data), &o); err != nil {
		return fmt.Errorf("%s/api/v1/stream: %w", w.from.url, err)
	}
	if before, ok := w.outages[o.Number]; ok && before.Revision >= o.Revision { // the list had it already
		return nil
	}
	w.outages[o.Number] = o
	if !w.all && !headend.OutageState(o.State).Open() {
		delete(w.outages, o.Number)
	}
	return w.screen.change(&o, time.Now())
}

// relist asks for the list when it is missing. It is an error only the first time; later it is tried again.
func (w *outageWatch) relist(ctx context.Context) error {
	if !w.stale {
		return nil
	}
	outages, _, err := listOutages(ctx, w.from, w.all)
	if err != nil {
		if !w.listed && ctx.Err() == nil {
			return err
		}
		w.trouble = err.Error()
		return nil
	}
	w.outages = map[int64]api.Outage{}
	for _, o := range outages {
		w.outages[o.Number] = o
	}
	w.stale, w.listed = false, true
	return w.screen.begin(outages, w.all, time.Now())
}

func (w *outageWatch) paint() error {
	outages := slices.SortedFunc(maps.Values(w.outages), newestStart)
	return w.screen.paint(outages, w.all, w.trouble, time.Now())
}

// newestStart is the order of the list: by start, and where it is not known by the last change.
func newestStart(a, b api.Outage) int {
	since := func(o api.Outage) time.Time {
		if o.Start != nil {
			return *o.Start
		}
		return o.Changed
	}
	return cmp.Or(since(b).Compare(since(a)), cmp.Compare(b.Number, a.Number))
}
