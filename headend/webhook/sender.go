package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
)

// Outbox is where events wait. Its errors mean that it cannot work now; what it is told is stored when it returns nil.
type Outbox interface {
	FillOutbox(ctx context.Context, subject func(outage int64) string,
		news func(outages []headend.Outage, told map[string]headend.Told) ([]headend.News, error)) (more bool, err error)
	TakeParcels(ctx context.Context, underWay map[int64]int, perWebhook, limit int, lease time.Duration) (taken []headend.Parcel, next time.Duration, err error)
	ReportAttempt(ctx context.Context, a headend.Attempt, again time.Duration, giveUp bool) error
	DropDeliveries(ctx context.Context, ended, told time.Time) error
	OutagesChanged() (changed <-chan struct{}, cancel func())
	DeliveriesWait() (waiting <-chan struct{}, cancel func())
}

// Options say how deliveries are made.
type Options struct {
	Guard    Guard
	Key      *KeyFile
	Attempts int           // after which a delivery is given up; 0 is 16
	First    time.Duration // pause before the second attempt, about twice as long before each further one; 0 is 5 s
	Most     time.Duration // longest pause; 0 is an hour
	Timeout  time.Duration // of an attempt; 0 is 10 s
	Workers  int           // requests at once; 0 is 16
	Keep     time.Duration // how long deliveries that ended are kept; 0 is 30 days
	Registry *prometheus.Registry
	Log      *slog.Logger // nil is slog.Default()

	resolver *net.Resolver // nil: the system's; tests have one that lies
}

func (o *Options) fill() {
	def(&o.Attempts, 16)
	def(&o.First, 5*time.Second)
	def(&o.Most, time.Hour)
	def(&o.Timeout, 10*time.Second)
	def(&o.Workers, 16)
	def(&o.Keep, 30*24*time.Hour)
	def(&o.Log, slog.Default())
}

func def[T comparable](field *T, value T) {
	var none T
	if *field == none {
		*field = value
	}
}

// Pauses of the sender.
const (
	pauseOfFill  = 500 * time.Millisecond // between two readings of the ledger: what changes meanwhile is told once
	pauseOfDoubt = 30 * time.Second       // after which it looks though nobody told of anything
	pauseOfFault = 2 * time.Second
	keepTold     = 400 * 24 * time.Hour // for how long an outage that is over is known to have been told
	leaseBeyond  = time.Minute          // beyond the timeout, after which an attempt nobody reports on counts as lost
)

// Sender is the stage that delivers. Run starts it.
type Sender struct {
	outbox  Outbox
	options Options
	client  *client
	metrics *metrics

	mu       sync.Mutex
	underWay map[int64]int // requests by webhook
	total    int
	free     chan struct{} // has room for one: a request has ended
}

// New makes the sender. It returns an error when its metrics are registered already.
func New(outbox Outbox, options Options) (*Sender, error) {
	options.fill()
	m, err := newMetrics(options.Registry)
	if err != nil {
		return nil, err
	}
	return &Sender{outbox: outbox, options: options, client: newClient(options), metrics: m, underWay: map[int64]int{}, free: make(chan struct{}, 1)}, nil
}

// Run writes news down and delivers it until ctx ends, then waits for the requests under way.
func (s *Sender) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	defer s.client.close()
	defer parts.Wait()
	parts.Go(func() { s.fill(ctx) })
	parts.Go(func() { s.tidy(ctx) })
	waiting, cancel := s.outbox.DeliveriesWait()
	defer cancel()
	for ctx.Err() == nil {
		next, err := s.take(ctx, &parts)
		if err != nil && ctx.Err() == nil {
			s.options.Log.Warn("webhooks: deliveries not taken; trying again", "error", err)
			next = pauseOfFault
		}
		sleep(ctx, min(next, pauseOfDoubt), waiting, s.free)
	}
	return nil
}

// fill writes down what is news whenever the ledger changes.
func (s *Sender) fill(ctx context.Context) {
	changed, cancel := s.outbox.OutagesChanged()
	defer cancel()
	for ctx.Err() == nil {
		more, err := s.outbox.FillOutbox(ctx, subjectOf, newsOf)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			s.options.Log.Warn("webhooks: news of outages not written down; trying again", "error", err)
			sleep(ctx, pauseOfFault, nil, nil)
		case !more:
			sleep(ctx, pauseOfDoubt, changed, nil)
			sleep(ctx, pauseOfFill, nil, nil)
		}
	}
}

// tidy drops what has been kept long enough.
func (s *Sender) tidy(ctx context.Context) {
	for sleep(ctx, time.Hour, nil, nil) {
		now := time.Now()
		if err := s.outbox.DropDeliveries(ctx, now.Add(-s.options.Keep), now.Add(-keepTold)); err != nil && ctx.Err() == nil {
			s.options.Log.Warn("webhooks: old deliveries not dropped", "error", err)
		}
	}
}

// take starts an attempt of each delivery that is due and there is room for; next is how long until another may be.
func (s *Sender) take(ctx context.Context, parts *sync.WaitGroup) (next time.Duration, err error) {
	s.mu.Lock()
	room := s.options.Workers - s.total
	busy := make(map[int64]int, len(s.underWay))
	for w, n := range s.underWay {
		busy[w] = n
	}
	s.mu.Unlock()
	if room == 0 {
		return time.Hour, nil // free tells
	}
	taken, next, err := s.outbox.TakeParcels(ctx, busy, max(s.options.Workers/4, 1), room, s.options.Timeout+leaseBeyond)
	if err != nil {
		return 0, err
	}
	for _, p := range taken {
		s.count(p.Webhook, 1)
		parts.Go(func() {
			defer s.count(p.Webhook, -1)
			s.attempt(ctx, p)
		})
	}
	if len(taken) > 0 {
		return 0, nil // perhaps there is more
	}
	if next == 0 { // what is due already waits for its webhook's turn, of which free tells, or another head-end has it
		next = time.Second
	}
	return next, nil
}

func (s *Sender) count(webhook int64, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total += n
	if s.underWay[webhook] += n; s.underWay[webhook] == 0 {
		delete(s.underWay, webhook)
	}
	if n < 0 {
		select {
		case s.free <- struct{}{}:
		default: // it knows already
		}
	}
}

// attempt tries a delivery once and reports on it.
func (s *Sender) attempt(ctx context.Context, p headend.Parcel) {
	a, verdict := s.client.post(ctx, p)
	if ctx.Err() != nil && a.Failure != "" {
		a.Failure = "the head-end stopped during the attempt"
		verdict = verdictOf{after: time.Second}
	}
	giveUp := a.Failure != "" && (verdict.never || p.Attempts >= s.options.Attempts)
	s.metrics.count(a, giveUp)
	report, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := s.outbox.ReportAttempt(report, a, max(s.pause(p.Attempts), min(verdict.after, s.options.Most)), giveUp); err != nil {
		s.options.Log.Warn("webhooks: attempt not reported; it is made again", "delivery", p.Number, "error", err)
	}
	if giveUp {
		s.options.Log.Warn("webhooks: delivery given up", "webhook", p.Webhook, "delivery", p.Number, "event", string(p.Event), "attempts", p.Attempts, "reason", a.Failure)
	}
}

// pause is how long after a failed attempt the next one is due: doubled each time, of that between a half and the whole,
// so that deliveries that failed together are not tried together.
func (s *Sender) pause(attempts int) time.Duration {
	p := s.options.First
	for i := 1; i < attempts && p < s.options.Most; i++ {
		p *= 2
	}
	p = min(p, s.options.Most)
	return p/2 + rand.N(p/2+1)
}

// sleep waits for a time or a sign; false when ctx ended.
func sleep(ctx context.Context, d time.Duration, sign, other <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-sign:
	case <-other:
	case <-timer.C:
	}
	return true
}

// metrics of deliveries.
type metrics struct {
	attempts *prometheus.CounterVec
	seconds  prometheus.Histogram
	gaveUp   prometheus.Counter
}

func newMetrics(registry *prometheus.Registry) (*metrics, error) {
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lastgasp_webhook_attempts_total", Help: "Attempts to deliver an event, by outcome."}, []string{"outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "lastgasp_webhook_attempt_seconds", Help: "Time until the other system answered, or the attempt failed.",
			Buckets: []float64{.01, .05, .25, 1, 2.5, 10}}),
		gaveUp: prometheus.NewCounter(prometheus.CounterOpts{Name: "lastgasp_webhook_given_up_total", Help: "Deliveries given up."}),
	}
	m.attempts.WithLabelValues("delivered")
	m.attempts.WithLabelValues("failed")
	if registry == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.attempts, m.seconds, m.gaveUp} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("webhooks: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) count(a headend.Attempt, giveUp bool) {
	outcome := "delivered"
	if a.Failure != "" {
		outcome = "failed"
	}
	m.attempts.WithLabelValues(outcome).Inc()
	m.seconds.Observe(a.Latency.Seconds())
	if giveUp {
		m.gaveUp.Inc()
	}
}
