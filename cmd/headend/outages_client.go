package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// client asks a running head-end over its API.
type client struct {
	url   string // without a / at the end
	named string // where the address comes from, in words
	token string // "" for none
	http  *http.Client
}

// newClient is a client for an address, or for the one that the configuration has this head-end listen on.
func newClient(p *program, address, token string, c Config) (*client, error) {
	named := "--url"
	if address == "" {
		if c.HTTP.Listen == "" {
			return nil, errors.New("http.listen is empty: this configuration has no API; name a head-end with --url")
		}
		address, named = ownAddress(c), "http.listen of the configuration"
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("--url %s: not an address such as http://127.0.0.1:8080", address)
	}
	found := &client{url: strings.TrimRight(u.Scheme+"://"+u.Host+u.Path, "/"), named: named, token: token, http: &http.Client{}}
	if found.token == "" {
		found.token, err = tokenFor(p, found.url, c)
	}
	return found, err
}

// tokenFor is the token of the environment, or where a head-end of this machine is asked, the one that it keeps for its command
// line; "" where there is none.
func tokenFor(p *program, address string, c Config) (string, error) {
	for _, entry := range p.environment {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case value == "":
		case name == "LASTGASP_TOKEN":
			return value, nil
		case name == "LASTGASP_TOKEN_FILE":
			return readSecretFile(value)
		}
	}
	if address != ownAddress(c) {
		return "", nil
	}
	token, err := readSecretFile(besidePrivate(c, operatorTokenFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return token, err
}

// ownAddress is where a head-end of this configuration answers, seen from its own machine.
func ownAddress(c Config) string {
	scheme := "http"
	if c.HTTP.TLS.Certificate != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(c.HTTP.Listen)
	if err != nil {
		return scheme + "://" + c.HTTP.Listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// get asks for a document.
func (c *client) get(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	answer, err := c.ask(ctx, path, "application/json", nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("the answer of %s cannot be read: %w", c.url, err)
	}
	return nil
}

// ask sends a request; an answer that is not of the kind that is wanted is an error that says what came instead.
func (c *client) ask(ctx context.Context, path, kind string, headers map[string]string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", kind)
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if got, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err == nil && got == kind && answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	defer answer.Body.Close()
	var problem struct{ Detail string }
	if err := json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(&problem); err != nil || problem.Detail == "" {
		return nil, fmt.Errorf("what answers at %s (%s) is no head-end of this version: %s", c.url, c.named, answer.Status)
	}
	if answer.StatusCode == http.StatusUnauthorized {
		return nil, fmt.Errorf("%s: %s\nGive a token with --token, LASTGASP_TOKEN or LASTGASP_TOKEN_FILE; `headend token add NAME` makes one", c.url, problem.Detail)
	}
	return nil, fmt.Errorf("%s: %s", c.url, problem.Detail)
}

// unreachable says what is wrong with the way to a head-end, and what to do.
func (c *client) unreachable(err error) error {
	what := "no head-end answers at"
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err // without the path, which nobody typed
	}
	advice := "Start one with `headend serve`, or name another with --url"
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
	case strings.Contains(err.Error(), "tls:") || strings.Contains(err.Error(), "x509:") || strings.Contains(err.Error(), "HTTPS client"):
		what, advice = "no safe connection to", "Name it as its certificate does: --url https://NAME:PORT, or http:// where it serves without TLS"
	}
	return fmt.Errorf("%s %s (%s): %w\n%s", what, c.url, c.named, err, advice)
}

// streamEvent is one event of the stream. Kind is empty for a block without one.
type streamEvent struct{ Kind, ID, Data string }

// silenceOfStream is how long a stream may say nothing, not even a comment, before it counts as broken.
const silenceOfStream = 45 * time.Second

// follow passes on the events of the stream after a position, "" for now, until the connection ends. It always
// returns an error that says why.
func (c *client) follow(ctx context.Context, position string, pass func(streamEvent)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(silenceOfStream, func() { cancel(fmt.Errorf("%s has said nothing for %s", c.url, silenceOfStream)) })
	defer silence.Stop()
	headers := map[string]string{}
	if position != "" {
		headers["Last-Event-ID"] = position
	}
	answer, err := c.ask(ctx, "/api/v1/stream", "text/event-stream", headers)
	if err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	var e streamEvent
	for lines.Scan() {
		silence.Reset(silenceOfStream)
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if e != (streamEvent{}) {
				pass(e)
			}
			e = streamEvent{}
		case field == "event":
			e.Kind = value
		case field == "id":
			e.ID = value
		case field == "data":
			e.Data += value
		}
	}
	return cmp.Or(context.Cause(ctx), lines.Err(), fmt.Errorf("%s has ended the stream", c.url))
}
