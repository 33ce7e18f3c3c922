package modbus

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// counts are the driver's figures. None has a label that grows with the fleet.
type counts struct {
	polls        atomic.Uint64         // polls of which at least one request was answered
	failed       [faults]atomic.Uint64 // requests without an answer that can be used
	missed       [misses]atomic.Uint64 // polls that brought nothing
	absent       [absences]atomic.Uint64
	requests     atomic.Uint64
	late         atomic.Uint64 // replies that nobody waited for any more
	connections  atomic.Uint64
	peersGone    atomic.Uint64 // connections found closed by the peer before a request was written
	closeErrors  atomic.Uint64
	stuck        atomic.Uint64 // polls marked uncertain because nothing changes
	unbridged    atomic.Uint64 // devices asked for each run of registers apart, after they refused a bridged one
	events       atomic.Uint64
	stored       atomic.Uint64 // batches
	acceptErrors atomic.Uint64
	lost         atomic.Uint64 // batches given up because the driver stopped and the sink failed
	units        atomic.Int64
	dead         atomic.Int64
}

// Miss says why a poll brought nothing.
type Miss uint8

// Misses.
const (
	MissFailed  Miss = iota + 1 // no request of it was answered
	MissDead                    // the unit is dead and was not asked
	MissConnect                 // the line has no connection and is not tried yet
	MissOverrun                 // its turn came only after the next one was due
	misses
)

var missNames = [misses]string{"", "failed", "dead", "no_connection", "overrun"}

// Counts is a snapshot of what a driver has done since it was made.
type Counts struct {
	Units     int // devices polled
	Dead      int // of them, those that do not answer and are only probed
	Polls     uint64
	Requests  uint64
	Late      uint64
	Stored    uint64
	Lost      uint64
	Events    uint64
	Connected uint64
	Failed    map[string]uint64 // requests, by Fault
	Missed    map[string]uint64 // polls, by why
	Absent    map[string]uint64 // values, by Absence
}

func (c *counts) snapshot() Counts {
	s := Counts{Units: int(c.units.Load()), Dead: int(c.dead.Load()), Polls: c.polls.Load(), Requests: c.requests.Load(), Late: c.late.Load(),
		Stored: c.stored.Load(), Lost: c.lost.Load(), Events: c.events.Load(), Connected: c.connections.Load(),
		Failed: map[string]uint64{}, Missed: map[string]uint64{}, Absent: map[string]uint64{}}
	collect := func(into map[string]uint64, names []string, figures []atomic.Uint64) {
		for i := range figures {
			if n := figures[i].Load(); n > 0 {
				into[names[i]] = n
			}
		}
	}
	collect(s.Failed, faultNames[:], c.failed[:])
	collect(s.Missed, missNames[:], c.missed[:])
	collect(s.Absent, absenceNames[:], c.absent[:])
	return s
}

// figure is one metric and where its value is.
type figure struct {
	description *prometheus.Desc
	kind        prometheus.ValueType
	value       func(*counts) float64
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("lastgasp_modbus_"+name, help, labels, nil)
}

var (
	descFailed = describe("requests_failed_total", "Requests without an answer that can be used, by what went wrong.", "fault")
	descMissed = describe("polls_missed_total", "Polls that brought nothing, by why.", "reason")
	descAbsent = describe("values_absent_total", "Values that a poll did not bring, by why.", "reason")
	figures    = []figure{
		{describe("polls_total", "Polls of which at least one request was answered."), prometheus.CounterValue, func(c *counts) float64 { return float64(c.polls.Load()) }},
		{describe("requests_total", "Requests sent."), prometheus.CounterValue, func(c *counts) float64 { return float64(c.requests.Load()) }},
		{describe("replies_late_total", "Replies that nobody waited for any more."), prometheus.CounterValue, func(c *counts) float64 { return float64(c.late.Load()) }},
		{describe("connections_total", "Connections made."), prometheus.CounterValue, func(c *counts) float64 { return float64(c.connections.Load()) }},
		{describe("peers_gone_total", "Connections found closed by the peer before a request was written."), prometheus.CounterValue, func(c *counts) float64 { return float64(c.peersGone.Load()) }},
		{describe("close_errors_total", "Connections and ports that could not be closed cleanly."), prometheus.CounterValue, func(c *counts) float64 { return float64(c.closeErrors.Load()) }},
		{describe("polls_stuck_total", "Polls marked uncertain because no bit has changed for long."), prometheus.CounterValue, func(c *counts) float64 { return float64(c.stuck.Load()) }},
		{describe("plans_unbridged_total", "Groups of devices that are asked for without gaps since they refused a request with one."), prometheus.CounterValue, func(c *counts) float64 { return float64(c.unbridged.Load()) }},
		{describe("events_total", "Events made of changes of state."), prometheus.CounterValue, func(c *counts) float64 { return float64(c.events.Load()) }},
		{describe("batches_stored_total", "Batches stored."), prometheus.CounterValue, func(c *counts) float64 { return float64(c.stored.Load()) }},
		{describe("accept_errors_total", "Calls of the sink that failed and were tried again."), prometheus.CounterValue, func(c *counts) float64 { return float64(c.acceptErrors.Load()) }},
		{describe("batches_lost_total", "Batches given up because the driver stopped while the sink failed."), prometheus.CounterValue, func(c *counts) float64 { return float64(c.lost.Load()) }},
		{describe("units", "Devices polled."), prometheus.GaugeValue, func(c *counts) float64 { return float64(c.units.Load()) }},
		{describe("units_dead", "Devices that do not answer and are only probed."), prometheus.GaugeValue, func(c *counts) float64 { return float64(c.dead.Load()) }},
	}
)

// Describe implements prometheus.Collector.
func (c *counts) Describe(out chan<- *prometheus.Desc) {
	for _, f := range figures {
		out <- f.description
	}
	out <- descFailed
	out <- descMissed
	out <- descAbsent
}

// Collect implements prometheus.Collector.
func (c *counts) Collect(out chan<- prometheus.Metric) {
	for _, f := range figures {
		out <- prometheus.MustNewConstMetric(f.description, f.kind, f.value(c))
	}
	labelled := func(d *prometheus.Desc, names []string, figures []atomic.Uint64) {
		for i := 1; i < len(figures); i++ {
			out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(figures[i].Load()), names[i])
		}
	}
	labelled(descFailed, faultNames[:], c.failed[:])
	labelled(descMissed, missNames[:], c.missed[:])
	labelled(descAbsent, absenceNames[:], c.absent[:])
}
