package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lastgasp/headend"
)

// Bounds of an answer.
const (
	mostAnswer  = 64 << 10 // bytes; it is read so that the connection can be used again, and thrown away
	mostHeader  = 16 << 10
	mostFailure = 300 // characters that are kept of why an attempt failed
)

// client makes the requests.
type client struct {
	http    http.Client
	guard   Guard
	key     *KeyFile
	timeout time.Duration
}

func newClient(o Options) *client {
	dialer := &net.Dialer{Timeout: o.Timeout, KeepAlive: 30 * time.Second, Control: o.Guard.control, Resolver: o.resolver}
	return &client{guard: o.Guard, key: o.Key, timeout: o.Timeout, http: http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // it would be asked for what we must not ask for ourselves
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    o.Timeout,
			ResponseHeaderTimeout:  o.Timeout,
			MaxResponseHeaderBytes: mostHeader,
			MaxConnsPerHost:        o.Workers,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        time.Minute,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// verdictOf is what a failure means for the next attempt.
type verdictOf struct {
	never bool          // there is none
	after time.Duration // the other system asked for so long a pause
}

// post tries a delivery once.
func (c *client) post(ctx context.Context, p headend.Parcel) (headend.Attempt, verdictOf) {
	a := headend.Attempt{Delivery: p.Number, Number: p.Attempts, At: time.Now().UTC()}
	begin := time.Now()
	status, verdict, err := c.send(ctx, p, a.At)
	a.Status, a.Latency = status, time.Since(begin)
	if err != nil {
		a.Failure = shortened(err)
	}
	return a, verdict
}

func (c *client) send(ctx context.Context, p headend.Parcel, now time.Time) (status int, verdict verdictOf, err error) {
	if err := c.guard.Check(p.Address.URL); err != nil { // the configuration may have become stricter
		return 0, verdict, fmt.Errorf("%s: %w", p.Address.URL, err)
	}
	signature, err := c.signatures(p, now)
	if err != nil {
		return 0, verdict, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Address.URL, bytes.NewReader(p.Body))
	if err != nil {
		return 0, verdict, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Lastgasp")
	request.Header.Set("Webhook-Id", p.Message)
	request.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	request.Header.Set("Webhook-Signature", signature)
	answer, err := c.http.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) { // it repeats the address
			err = wrapped.Err
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %s", c.timeout)
		}
		return 0, verdict, err
	}
	defer answer.Body.Close()
	if n, err := io.Copy(io.Discard, io.LimitReader(answer.Body, mostAnswer)); err != nil || n == mostAnswer {
		cancel() // the connection is not used again
	}
	return judge(answer)
}

// judge says what a status means.
func judge(answer *http.Response) (status int, verdict verdictOf, err error) {
	switch status := answer.StatusCode; {
	case status >= 200 && status < 300:
		return status, verdict, nil
	case status == http.StatusGone:
		return status, verdictOf{never: true}, errors.New("it answered 410: it wants no more of this")
	case status >= 300 && status < 400:
		return status, verdict, fmt.Errorf("it answered %d: redirects are not followed; enter the address it leads to", status)
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 && seconds < 1<<20 {
			verdict.after = time.Duration(seconds) * time.Second
		}
	}
	return answer.StatusCode, verdict, fmt.Errorf("it answered %d", answer.StatusCode)
}

// signatures are those of the secret and, for a day after it was changed, of the one before.
func (c *client) signatures(p headend.Parcel, now time.Time) (string, error) {
	sealed := [][]byte{p.Address.Secret}
	if p.Address.Former != nil && now.Before(p.Address.FormerUntil) {
		sealed = append(sealed, p.Address.Former)
	}
	var out []string
	for _, s := range sealed {
		secret, err := c.key.Open(s, About(p.Address.URL))
		if err != nil {
			return "", err
		}
		signature, err := Sign(string(secret), p.Message, now, p.Body)
		if err != nil {
			return "", err
		}
		out = append(out, signature)
	}
	return strings.Join(out, " "), nil
}

// shortened is an error in one line of bounded length.
func shortened(err error) string {
	text := []rune(strings.Join(strings.Fields(strings.ToValidUTF8(err.Error(), "?")), " "))
	if len(text) > mostFailure {
		text = append(text[:mostFailure-1], '…')
	}
	return string(text)
}
