package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// live compares the ledger of a running head-end with a truth.
func (c *scoreCommand) live(ctx context.Context, debug io.Writer) ([]sheet, error) {
	file, err := os.Open(c.Truth)
	if err != nil {
		return nil, err
	}
	t, err := readTruth(file)
	if err := file.Close(); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Truth, err)
	}
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	h := server{base: strings.TrimSuffix(c.URL, "/"), token: token, client: &http.Client{Timeout: time.Minute}}
	net, err := h.tree(ctx)
	if err != nil {
		return nil, err
	}
	l, err := h.ledger(ctx, t.from, t.to)
	if err != nil {
		return nil, err
	}
	s := sheet{title: fmt.Sprintf("%s, %s to %s", c.URL, t.from.Format(time.RFC3339), t.to.Format(time.RFC3339)), lines: []line{{head: "-"}}}
	s.lines[0].add(compare(t, l, net, debug))
	return []sheet{s}, nil
}

// token is what the head-end is asked with: that of a file, or of the environment; "" where there is none.
func (c *scoreCommand) token() (string, error) {
	if c.TokenFile == "" {
		return os.Getenv("LASTGASP_TOKEN"), nil
	}
	info, err := os.Stat(c.TokenFile)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("--token-file: %s has mode %04o, so others on this machine may read it; chmod 600 %s", c.TokenFile, mode, c.TokenFile)
	}
	text, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	if token := strings.TrimSpace(string(text)); token != "" {
		return token, nil
	}
	return "", fmt.Errorf("--token-file: %s is empty", c.TokenFile)
}

// server is a running head-end.
type server struct {
	base   string
	token  string // "" for none
	client *http.Client
}

// get reads one answer. Its error names the address, and what the server says of it.
func (h *server) get(ctx context.Context, path string, query url.Values, into any) (err error) {
	address := h.base + path + "?" + query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	if h.token != "" {
		request.Header.Set("Authorization", "Bearer "+h.token)
	}
	answer, err := h.client.Do(request)
	if err != nil {
		return err
	}
	defer func() {
		if closed := answer.Body.Close(); err == nil {
			err = closed
		}
	}()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	if answer.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("%s lets nobody in without a token; give one with --token-file, LASTGASP_TOKEN_FILE or LASTGASP_TOKEN: %.300s", h.base, body)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %.300s", address, answer.Status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	return nil
}

// list reads a list page by page.
func list[Item any](ctx context.Context, h *server, path string, query url.Values, each func(*Item) error) error {
	query.Set("limit", "1000")
	for {
		var page struct {
			Items []Item
			Next  string
		}
		if err := h.get(ctx, path, query, &page); err != nil {
			return err
		}
		for i := range page.Items {
			if err := each(&page.Items[i]); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		query.Set("cursor", page.Next)
	}
}

// tree reads the network and who hangs where.
func (h *server) tree(ctx context.Context) (*tree, error) {
	net := newTree()
	type node struct{ ID, Kind, Parent string }
	err := list(ctx, h, "/api/v1/nodes", url.Values{}, func(n *node) error {
		net.kind[n.ID] = n.Kind
		if n.Parent != "" {
			net.parent[n.ID] = n.Parent
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	type point struct{ ID, Node string }
	err = list(ctx, h, "/api/v1/usage-points", url.Values{}, func(p *point) error {
		net.hang(p.ID, p.Node)
		return nil
	})
	return net, err
}

// ledger reads the interruptions and outages of a time.
func (h *server) ledger(ctx context.Context, from, to time.Time) (*ledger, error) {
	l := &ledger{outages: map[int64]*toldOutage{}}
	period := func() url.Values {
		return url.Values{"from": {from.UTC().Format(time.RFC3339Nano)}, "to": {to.UTC().Format(time.RFC3339Nano)}}
	}
	type row struct {
		UsagePoint string    `json:"usage_point"`
		Start, End time.Time // absent: zero
		NotBefore  time.Time `json:"not_before"`
		Outage     int64
		Planned    bool
	}
	err := list(ctx, h, "/api/v1/interruptions", period(), func(r *row) error {
		l.rows = append(l.rows, toldRow{point: r.UsagePoint, start: r.Start, end: r.End, notBefore: r.NotBefore, outage: r.Outage, planned: r.Planned})
		return nil
	})
	if err != nil {
		return nil, err
	}
	query := period()
	query["state"] = []string{"suspected", "confirmed", "restored", "closed", "withdrawn"}
	type outage struct {
		Number     int64
		State      string
		Node       string
		UsagePoint string `json:"usage_point"`
		Part       bool
		Summary    string
	}
	err = list(ctx, h, "/api/v1/outages", query, func(o *outage) error {
		told := &toldOutage{node: o.Node, point: o.UsagePoint, part: o.Part, withdrawn: o.State == "withdrawn", why: o.Summary}
		l.outages[o.Number] = told
		return h.changes(ctx, o.Number, told)
	})
	return l, err
}

// changes reads how an outage was seen to grow.
func (h *server) changes(ctx context.Context, number int64, o *toldOutage) error {
	var detail struct {
		Changes []struct {
			At    time.Time
			State string
			Node  string
		}
	}
	if err := h.get(ctx, fmt.Sprintf("/api/v1/outages/%d", number), url.Values{}, &detail); err != nil {
		return err
	}
	for _, c := range detail.Changes {
		if c.State == "suspected" || c.State == "confirmed" {
			o.shown = append(o.shown, shown{c.At, c.Node})
		}
	}
	return nil
}
