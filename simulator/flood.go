package simulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lastgasp/headend"
)

// FloodSender is one connection of a flood and the meters it speaks for.
type FloodSender struct {
	ClientID string
	Username string // "" for a broker without accounts
	Password string
	Gateway  headend.DeviceID   // publishes on ami/v1/{Gateway}/reads, naming each meter; "": on each meter's own topic
	Meters   []headend.DeviceID // at least one
}

// FloodConfig says what a flood sends. Message n of a sender with m meters carries, with one reading a
// message, reading k = n / m of its meter n mod m; with arrays the meters are taken PerMessage at a time.
type FloodConfig struct {
	Broker     string        // tcp://host:port or tls://host:port; port 1883 or 8883 where none is given
	TLS        *tls.Config   // for tls://; nil: the system's roots
	Senders    []FloodSender // one connection each
	PerMessage int           // readings in a message, 1 to 10,000; above 1 an array, which needs gateways. 0: 1
	Messages   int64         // stop after this many in all, spread evenly over the senders; 0: no limit
	Duration   time.Duration // stop sending after this long; 0: no limit. One of the two is needed
	Drain      time.Duration // how long to wait for the last acknowledgements after Duration; 0: 30 s
	Rate       float64       // messages per second in all; 0: as fast as the broker takes them
	Window     int           // unacknowledged messages for each connection, 1 to 32,767; 0: 500
	Base       time.Time     // time of reading 0; zero: 2026-01-01 UTC
	Interval   time.Duration // from one reading of a meter to its next, whole milliseconds; 0: 30 min
	Counters   *FloodCounters
}

// FloodCounters are counts that can be read while a flood runs.
type FloodCounters struct {
	Sent         atomic.Int64 // messages written the first time
	Acknowledged atomic.Int64 // messages with a PUBACK
	Resent       atomic.Int64 // messages written again after a broken connection
	Broken       atomic.Int64 // connections that broke or could not be made
	Bytes        atomic.Int64 // bytes written
}

// FloodResult says what a flood did and which readings the broker acknowledged.
type FloodResult struct {
	Sent, Acknowledged, Resent, Broken, Bytes int64

	Readings int64         // (meter, time) pairs acknowledged
	Elapsed  time.Duration // from the start to the last acknowledgement or the end
	P50, P99 time.Duration // from write to PUBACK, of every 64th message
	Slowest  time.Duration

	config  FloodConfig
	senders []*floodConnection
}

// ErrFloodRefused says a broker refused a sender's name, password or identifier at its first try.
var ErrFloodRefused = errors.New("broker refuses the connection")

// Flood sends what the configuration says and waits for the acknowledgements. The result is valid
// even beside an error. It returns ErrFloodRefused when a broker refuses a sender at the first
// connection, ctx's error when ctx ends before every message is acknowledged, and an error that
// names the field for a configuration that cannot be used. Broken connections are no error: they are
// made again and what was not acknowledged is sent again with DUP.
func Flood(ctx context.Context, config FloodConfig) (FloodResult, error) {
	config, err := config.complete()
	if err != nil {
		return FloodResult{}, err
	}
	begin := time.Now()
	var stop <-chan struct{}
	hard, cancel := context.WithCancel(ctx)
	defer cancel()
	if config.Duration > 0 {
		soft, release := context.WithTimeout(context.Background(), config.Duration)
		defer release()
		stop = soft.Done()
		var free context.CancelFunc
		hard, free = context.WithTimeout(hard, config.Duration+config.Drain)
		defer free()
	}
	result := FloodResult{config: config, senders: floodConnections(&config, begin, stop)}
	var group sync.WaitGroup
	faults := make([]error, len(result.senders))
	for i, c := range result.senders {
		group.Go(func() {
			if faults[i] = c.run(hard); faults[i] != nil && errors.Is(faults[i], ErrFloodRefused) {
				cancel() // the others would flood a broker that this run cannot be measured on
			}
		})
	}
	group.Wait()
	result.sum(begin)
	for _, fault := range faults {
		if errors.Is(fault, ErrFloodRefused) {
			return result, fault
		}
	}
	if ctx.Err() != nil && result.Acknowledged < result.Sent {
		return result, ctx.Err()
	}
	return result, errors.Join(faults...)
}

// complete fills what was left out and checks the configuration.
func (c FloodConfig) complete() (FloodConfig, error) {
	c.PerMessage = max(c.PerMessage, 1)
	if c.Window == 0 {
		c.Window = 500
	}
	if c.Drain == 0 {
		c.Drain = 30 * time.Second
	}
	if c.Counters == nil {
		c.Counters = new(FloodCounters)
	}
	c.Base, c.Interval = c.clock()
	switch {
	case c.Messages <= 0 && c.Duration <= 0:
		return c, errors.New("flood: neither a number of messages nor a duration is given")
	case c.Window < 1 || c.Window > 32767:
		return c, fmt.Errorf("flood: window is %d, it must be 1 to 32767", c.Window)
	case c.PerMessage > 10000:
		return c, fmt.Errorf("flood: %d readings a message, at most 10000 are allowed", c.PerMessage)
	case c.Interval < time.Millisecond || c.Interval%time.Millisecond != 0:
		return c, fmt.Errorf("flood: interval is %v, it must be whole milliseconds", c.Interval)
	case c.Rate < 0 || math.IsNaN(c.Rate) || math.IsInf(c.Rate, 0):
		return c, fmt.Errorf("flood: rate is %v messages/s", c.Rate)
	case len(c.Senders) == 0:
		return c, errors.New("flood: no sender is given")
	}
	for i, s := range c.Senders {
		if len(s.Meters) == 0 {
			return c, fmt.Errorf("flood: sender %d (%s) has no meters", i, s.ClientID)
		}
		if c.PerMessage > 1 && s.Gateway == "" {
			return c, fmt.Errorf("flood: sender %d (%s) is no gateway, so it cannot put %d readings into a message", i, s.ClientID, c.PerMessage)
		}
	}
	return c, nil
}

// clock is Base and Interval with what stands for their zero values.
func (c FloodConfig) clock() (base time.Time, interval time.Duration) {
	base, interval = c.Base.UTC().Truncate(time.Millisecond), c.Interval
	if c.Base.IsZero() {
		base = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if interval == 0 {
		interval = 30 * time.Minute
	}
	return base, interval
}

// Time is the time of reading k of every meter.
func (c FloodConfig) Time(k int64) time.Time {
	base, interval := c.clock()
	return base.Add(time.Duration(k) * interval)
}

// FloodSenders makes senders for a broker without access lists: connections of them share the meters,
// which are named FL0000000 and so on. As gateways they are named FG0000 and so on.
func FloodSenders(connections, meters int, gateways bool) []FloodSender {
	connections = max(1, min(connections, meters))
	senders := make([]FloodSender, connections)
	for i := range senders {
		s := &senders[i]
		s.ClientID = fmt.Sprintf("flood-%04d", i)
		if gateways {
			s.Gateway = headend.DeviceID(fmt.Sprintf("FG%04d", i))
		}
		for d := meters * i / connections; d < meters*(i+1)/connections; d++ {
			s.Meters = append(s.Meters, headend.DeviceID(fmt.Sprintf("FL%07d", d)))
		}
	}
	return senders
}

// Each calls yield for every reading the broker acknowledged, until yield returns false: the meter's
// number (counted over the senders in order), its id, the number of the reading. Its time is
// FloodConfig.Time(k), its values FloodReading(d, k).
func (r *FloodResult) Each(yield func(d int, id headend.DeviceID, k int64) bool) {
	for _, c := range r.senders {
		for n := int64(0); n < c.next; n++ {
			if !c.acknowledged(n) {
				continue
			}
			from, to, k := c.content(n)
			for m := from; m < to; m++ {
				if !yield(c.first+m, c.sender.Meters[m], k) {
					return
				}
			}
		}
	}
}

// sum takes the counts together once all senders have ended.
func (r *FloodResult) sum(begin time.Time) {
	counters := r.config.Counters
	r.Sent, r.Acknowledged = counters.Sent.Load(), counters.Acknowledged.Load()
	r.Resent, r.Broken, r.Bytes = counters.Resent.Load(), counters.Broken.Load(), counters.Bytes.Load()
	last := begin
	var latencies []time.Duration
	for _, c := range r.senders {
		if c.lastAck.After(last) {
			last = c.lastAck
		}
		latencies = append(latencies, c.latencies...)
		for n := int64(0); n < c.next; n++ {
			if c.acknowledged(n) {
				from, to, _ := c.content(n)
				r.Readings += int64(to - from)
			}
		}
	}
	r.Elapsed = last.Sub(begin)
	if len(latencies) == 0 {
		return
	}
	slices.Sort(latencies)
	r.P50, r.P99 = latencies[len(latencies)/2], latencies[len(latencies)*99/100]
	r.Slowest = latencies[len(latencies)-1]
}
