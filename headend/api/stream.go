package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// stream is who follows the changes of outages, and the feed that they share.
type stream struct {
	heartbeat time.Duration // a comment this often, so that both sides notice a broken connection
	patience  time.Duration // a client that has not taken a piece for so long is cut off
	most      int           // clients at once
	ending    chan struct{} // closed when the server stops

	mu      sync.Mutex
	clients int
	feeds   map[string]*feed // by the part of the organisation that their clients see; one while there is a client
}

// Bounds of the stream.
const (
	heartbeatOfStream = 15 * time.Second
	patienceOfStream  = 10 * time.Second
	mostOfStream      = 2000
)

func newStream() *stream {
	return &stream{heartbeat: heartbeatOfStream, patience: patienceOfStream, most: mostOfStream, ending: make(chan struct{}), feeds: map[string]*feed{}}
}

// join gives a client the feed of the part of the organisation that it sees; nil when there are too many.
func (a *API) join(p *headend.Principal) *feed {
	s := a.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients >= s.most {
		return nil
	}
	part := p.Part()
	f := s.feeds[part]
	if f == nil {
		f = a.startFeed(p)
		s.feeds[part] = f
	}
	s.clients++
	f.clients++
	return f
}

// leave is the end of a client; the last one of a feed ends it.
func (a *API) leave(f *feed) {
	s := a.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients--
	f.clients--
	if f.clients == 0 {
		delete(s.feeds, f.part)
		f.end()
	}
}

// describeStream adds to the OpenAPI document what huma does not answer itself.
func describeStream(h huma.API) {
	integer := &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
	h.OpenAPI().AddOperation(&huma.Operation{OperationID: "follow-outages", Method: http.MethodGet, Path: "/api/v1/stream", Tags: []string{"outages"},
		Summary: "Server-sent events: each outage that changes",
		Description: "event outage, data: the outage as in the list. event reset: more has changed than is told one by one; list again, and go on. " +
			"id is a revision of the ledger; given as Last-Event-ID or after, nothing that was written since is left out. " +
			"Without either it begins now. Of several changes of an outage in quick succession the last is told. A comment comes every 15 s.",
		Parameters: []*huma.Param{
			{Name: "after", In: "query", Description: "revision of the ledger after which it begins", Schema: integer},
			{Name: "Last-Event-ID", In: "header", Description: "the same, as browsers send it when they connect again", Schema: integer}},
		Responses: map[string]*huma.Response{
			"200":     {Description: "OK", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}},
			"default": {Description: "Error", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/ErrorModel"}}}}},
	})
}

// follow answers with a stream of changes, until the client goes or the server stops.
func (a *API) follow(w http.ResponseWriter, r *http.Request) {
	after, problem := streamFrom(r)
	if problem != nil {
		writeProblem(w, http.StatusUnprocessableEntity, problem.Message, problem)
		return
	}
	c := &client{w: w, control: http.NewResponseController(w), patience: a.stream.patience}
	if r.Method == http.MethodHead {
		c.header()
		return
	}
	f := a.join(headend.PrincipalOf(r.Context()))
	if f == nil {
		w.Header().Set("Retry-After", "30")
		writeProblem(w, http.StatusServiceUnavailable, fmt.Sprintf("%d clients follow the stream already; no more can", a.stream.most))
		return
	}
	defer a.leave(f)
	if err := c.begin(); err != nil {
		a.options.Log.Warn("stream not begun", "error", err)
		return
	}
	if err := a.feedTo(r, c, f, after); err != nil {
		a.options.Log.Debug("stream ended", "error", err, "client", r.RemoteAddr)
	}
}

// streamFrom is the revision after which a client wants to be told; -1 for now.
func streamFrom(r *http.Request) (int64, *huma.ErrorDetail) {
	query := r.URL.Query()
	for name := range query {
		if name != "after" {
			return 0, &huma.ErrorDetail{Location: "query." + name, Message: "there is only the parameter after"}
		}
	}
	text, location := r.Header.Get("Last-Event-ID"), "header.Last-Event-ID" // later than the address, which stays the same
	if text == "" {
		text, location = query.Get("after"), "query.after"
	}
	if text == "" {
		return -1, nil
	}
	after, err := strconv.ParseInt(text, 10, 64)
	if err != nil || after < 0 {
		return 0, &huma.ErrorDetail{Location: location, Value: text, Message: "not a revision of the ledger, a whole number from 0"}
	}
	return after, nil
}

// feedTo tells a client what it has not been told, whenever there is something.
func (a *API) feedTo(r *http.Request, c *client, f *feed, at int64) error {
	ticket := f.wish(at)
	tick := time.NewTicker(a.stream.heartbeat)
	defer tick.Stop()
	token, session := shown(r)
	for known := false; ; {
		changes, to, told, news := f.since(ticket, at)
		switch {
		case to < 0: // not asked yet
		case !told:
			if err := c.say(fmt.Sprintf("event: reset\nid: %d\ndata: {\"revision\":%d}\n\n", to, to)); err != nil {
				return err
			}
		case len(changes) == 0 && !known: // from here on
			if err := c.say(fmt.Sprintf("id: %d\n\n", to)); err != nil {
				return err
			}
		default:
			if err := c.tell(changes); err != nil {
				return err
			}
		}
		if to >= 0 {
			at, known = to, true
		}
		if err := c.flush(); err != nil {
			return err
		}
		select {
		case <-news:
		case <-tick.C:
			if err := a.still(r, token, session); err != nil {
				return err // who may no longer come in is not told any more either
			}
			if err := c.say(":\n\n"); err != nil {
				return err
			}
		case <-a.stream.ending:
			return nil
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
}

// client is the connection of one that follows.
type client struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	piece    []byte // what was written last; its room is used again: a change is told to a thousand clients at once
}

func (c *client) header() {
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.Header().Set("X-Accel-Buffering", "no") // for proxies that hold answers back
}

// begin takes the server's limits for a whole request off: this one has no end.
func (c *client) begin() error {
	if err := c.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	c.header()
	c.w.WriteHeader(http.StatusOK)
	return c.flush()
}

// tell writes outages. The id stands with the last one of a revision: who is cut off before it gets
// the whole revision again.
func (c *client) tell(changes []change) error {
	for i := range changes {
		b := append(c.piece[:0], "event: outage\n"...)
		if i+1 == len(changes) || changes[i+1].revision != changes[i].revision {
			b = append(strconv.AppendInt(append(b, "id: "...), changes[i].revision, 10), '\n')
		}
		b = append(append(append(b, "data: "...), changes[i].body...), "\n\n"...)
		c.piece = b
		if err := c.write(b); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) say(text string) error { return c.write([]byte(text)) }

func (c *client) write(piece []byte) error {
	if err := c.hurry(); err != nil {
		return err
	}
	_, err := c.w.Write(piece)
	return err
}

func (c *client) flush() error {
	if err := c.hurry(); err != nil {
		return err
	}
	return c.control.Flush()
}

// hurry gives the client its time to take the next piece.
func (c *client) hurry() error {
	if err := c.control.SetWriteDeadline(time.Now().Add(c.patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
