package webhook_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/webhook"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestAddressesInsideAreRefused(t *testing.T) {
	guard, err := webhook.NewGuard([]string{"10.20.0.0/16", "fd00:1::5"}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.21.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
		"100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
		"fe80::1", "fe80::1%eth0", "fec0::1", "fd00:1::6", "fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b:1::a9fe:a9fe", "2002:7f00:1::", "2001::1", "2001:db8::1"} {
		if guard.CheckAddress(netip.MustParseAddr(address)) == nil {
			t.Errorf("%s may be called", address)
		}
	}
	for _, address := range []string{"1.1.1.1", "10.20.3.4", "::ffff:10.20.3.4", "fd00:1::5", "2606:4700::1111", "2a00:1450:4001::1", "172.32.0.1", "100.128.0.1"} {
		if err := guard.CheckAddress(netip.MustParseAddr(address)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := webhook.NewGuard([]string{"oms.example.com"}, false); err == nil || !strings.Contains(err.Error(), "oms.example.com") {
		t.Errorf("a name for a network: %v", err)
	}
}

func TestURLsThatCannotBeCalledAreRefusedAtOnce(t *testing.T) {
	guard := webhook.Guard{}
	for url, want := range map[string]string{
		"http://oms.example.com/":              "must be https://",
		"ftp://oms.example.com/":               "must be https://",
		"file:///etc/passwd":                   "not a URL",
		"https://":                             "not a URL",
		"https://:443/":                        "not a URL",
		"oms.example.com":                      "not a URL",
		"https://user:pw@oms.example.com/":     "name or password",
		"https://oms.example.com/#part":        "after #",
		"https://127.0.0.1/":                   "webhooks.allow",
		"https://[::1]:8443/":                  "webhooks.allow",
		"https://169.254.169.254/latest":       "webhooks.allow",
		"https://[::ffff:10.0.0.1]/":           "webhooks.allow",
		"https://oms.example.com/\r\nX: y":     "not a URL",
		"https://" + strings.Repeat("a", 3000): "not a URL",
	} {
		if err := guard.Check(url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
	if err := guard.Check("https://oms.example.com:8443/hooks?a=b"); err != nil {
		t.Error(err)
	}
}

// nameServer answers every question for an address with the next of answers, and the last one from then on.
func nameServer(t *testing.T, answers ...string) (*net.Resolver, func() int) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			q := buffer[:n]
			end := 12
			for end < n && q[end] != 0 {
				end += int(q[end]) + 1
			}
			question := q[12 : end+5]
			out := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
			if binary.BigEndian.Uint16(question[len(question)-4:]) == 1 { // A
				i := min(int(asked.Add(1)), len(answers)) - 1
				address := netip.MustParseAddr(answers[i]).As4()
				out[7] = 1
				out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				out = append(out, address[:]...)
			}
			if _, err := conn.WriteTo(out, from); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}, func() int { return int(asked.Load()) }
}

// attempt sends one ping to a URL and returns how it went.
func attempt(t *testing.T, w *world, url string, o webhook.Options) headend.Attempt {
	t.Helper()
	hook, _ := w.add(url)
	o.Attempts = 1
	stop := w.send(o)
	defer stop()
	return ping(t, w, hook)
}

func ping(t *testing.T, w *world, hook headend.Webhook) headend.Attempt {
	t.Helper()
	n, err := w.rules.Ping(hook.Number, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.store.Ping(t.Context(), hook.Number, n)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for {
		d, err = w.store.Delivery(ctx, hook.Number, d.Number)
		if err != nil {
			t.Fatal(err)
		}
		if d.State != headend.DeliveryWaiting {
			return d.Log[len(d.Log)-1]
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain: %+v", d)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestCalls makes real calls, all from one head-end.
func TestCalls(t *testing.T) {
	w := newWorld(t, storetest.Open(t, timeseries.Postgres))
	for name, test := range map[string]func(*testing.T, *world){
		"the head-end cannot be sent where others cannot reach": theHeadEndCannotBeSentWhereOthersCannotReach,
		"a name that changes its address gains nothing":         aNameThatChangesItsAddressGainsNothing,
		"answers are bounded":                                   answersAreBounded,
		"a certificate nobody vouches for is refused":           aCertificateNobodyVouchesForIsRefused,
		"an address changed in the database alone gets nothing": anAddressThatWasChangedInTheDatabaseGetsNothing,
	} {
		t.Run(name, func(t *testing.T) { test(t, w) })
	}
}

// Forged requests: the head-end is asked to call what only it can reach. Each is refused before a connection is made.
func theHeadEndCannotBeSentWhereOthersCannotReach(t *testing.T, w *world) {
	inside, connections := counting(t, "127.0.0.1:0")
	_, port, err := net.SplitHostPort(strings.TrimPrefix(inside, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	closed := webhook.Options{Guard: webhook.Guard{Insecure: true}}

	t.Run("an address", func(t *testing.T) {
		if a := attempt(t, w, inside, closed); a.Status != 0 || !strings.Contains(a.Failure, "127.0.0.1 is not a public address") {
			t.Errorf("%+v", a)
		}
	})
	t.Run("a name for it", func(t *testing.T) {
		resolver, asked := nameServer(t, "127.0.0.1")
		if a := attempt(t, w, "http://oms.example.com:"+port+"/", closed.WithResolver(resolver)); !strings.Contains(a.Failure, "127.0.0.1 is not a public address") {
			t.Errorf("%+v", a)
		}
		if asked() == 0 {
			t.Error("the name server was not asked: the test shows nothing")
		}
	})
	for _, disguise := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost"} {
		t.Run(disguise, func(t *testing.T) {
			if a := attempt(t, w, "http://"+disguise+":"+port+"/", closed); a.Status != 0 || a.Failure == "" {
				t.Errorf("%+v", a)
			}
		})
	}
	t.Run("a proxy of the environment", func(t *testing.T) {
		t.Setenv("HTTP_PROXY", inside)
		t.Setenv("HTTPS_PROXY", inside)
		resolver, _ := nameServer(t, "127.0.0.2")
		if a := attempt(t, w, "http://oms.example.com:"+port+"/", closed.WithResolver(resolver)); !strings.Contains(a.Failure, "127.0.0.2 is not a public address") {
			t.Errorf("%+v", a)
		}
	})
	t.Run("a redirect", func(t *testing.T) {
		r := httptest.NewServer(http.RedirectHandler(inside, http.StatusTemporaryRedirect))
		defer r.Close()
		if a := attempt(t, w, r.URL, webhook.Options{}); a.Status != http.StatusTemporaryRedirect || !strings.Contains(a.Failure, "redirects are not followed") {
			t.Errorf("%+v", a)
		}
	})
	if n := connections(); n != 0 {
		t.Errorf("%d connections were made to where none may be made", n)
	}
}

// A name that answers with a good address first and a bad one then gains nothing: what is connected to is what is looked at.
func aNameThatChangesItsAddressGainsNothing(t *testing.T, w *world) {
	r := receive(t, func(int, request) int { return http.StatusOK })
	r.Config.SetKeepAlivesEnabled(false) // each attempt connects, and asks for the name, anew
	_, port, err := net.SplitHostPort(strings.TrimPrefix(r.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, connections := counting(t, "127.0.0.2:"+port)
	resolver, _ := nameServer(t, "127.0.0.1", "127.0.0.2")
	hook, _ := w.add(fmt.Sprintf("http://oms.example.com:%s/", port))
	defer w.send(webhook.Options{Attempts: 1}.WithResolver(resolver))()
	if a := ping(t, w, hook); a.Status != http.StatusOK {
		t.Fatalf("at the good address: %+v", a)
	}
	if a := ping(t, w, hook); a.Status != 0 || !strings.Contains(a.Failure, "127.0.0.2 is not a public address") {
		t.Errorf("at the bad one: %+v", a)
	}
	if n := connections(); n != 0 {
		t.Errorf("%d connections were made to the bad one", n)
	}
}

func answersAreBounded(t *testing.T, w *world) {
	var sent atomic.Int64
	ended := make(chan struct{}, 1)
	endless := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		out.WriteHeader(http.StatusOK)
		for {
			n, err := out.Write(make([]byte, 32<<10))
			sent.Add(int64(n))
			if err != nil {
				ended <- struct{}{}
				return
			}
		}
	}))
	defer endless.Close()
	if a := attempt(t, w, endless.URL, webhook.Options{}); a.Status != http.StatusOK || a.Failure != "" {
		t.Errorf("an answer without end: %+v", a)
	}
	<-ended
	if n := sent.Load(); n > 64<<20 { // what fits into the buffers of sockets
		t.Errorf("%d bytes were taken", n)
	}
	headers := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("X-Long", strings.Repeat("x", 64<<10))
	}))
	defer headers.Close()
	if a := attempt(t, w, headers.URL, webhook.Options{}); a.Status != 0 || a.Failure == "" || len(a.Failure) > 1000 {
		t.Errorf("64 KiB of headers: %+v", a)
	}
	hang := make(chan struct{})
	silent := receive(t, func(int, request) int { <-hang; return http.StatusOK })
	defer close(hang)
	if a := attempt(t, w, silent.URL, webhook.Options{Timeout: 200 * time.Millisecond}); a.Status != 0 || a.Failure != "no answer within 200ms" {
		t.Errorf("no answer: %+v", a)
	}
}

func aCertificateNobodyVouchesForIsRefused(t *testing.T, w *world) {
	r := httptest.NewTLSServer(http.NotFoundHandler())
	defer r.Close()
	if a := attempt(t, w, r.URL, webhook.Options{}); a.Status != 0 || !strings.Contains(a.Failure, "certificate") {
		t.Errorf("%+v", a)
	}
}

// Who can write to the database alone cannot have signed events sent to an address of his own.
func anAddressThatWasChangedInTheDatabaseGetsNothing(t *testing.T, w *world) {
	r := receive(t, nil)
	hook, _ := w.add("http://127.0.0.1:1/")
	if _, err := w.store.ChangeWebhook(t.Context(), hook.Number, func(h *headend.Webhook) error { h.URL = r.URL; return nil }); err != nil {
		t.Fatal(err)
	}
	defer w.send(webhook.Options{Attempts: 1})()
	if a := ping(t, w, hook); a.Status != 0 || !strings.Contains(a.Failure, webhook.ErrSealed.Error()) {
		t.Errorf("%+v", a)
	}
	if got := r.requests(); len(got) != 0 {
		t.Errorf("it was sent %d requests", len(got))
	}
}
