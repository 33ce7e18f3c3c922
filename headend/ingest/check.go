package ingest

import (
	"fmt"
	"math"
	"time"

	"lastgasp/headend"
)

// Limits say which times can be true. All are lengths against the time of receipt.
type Limits struct {
	MaxAge     time.Duration // older is impossible; 0 is two years
	MaxAhead   time.Duration // further ahead is impossible; 0 is 24 h
	DoubtAhead time.Duration // further ahead is a doubtful clock; 0 is 5 min
}

func (l *Limits) setDefaults() {
	if l.MaxAge == 0 {
		l.MaxAge = 2 * 365 * 24 * time.Hour
	}
	if l.MaxAhead == 0 {
		l.MaxAhead = 24 * time.Hour
	}
	if l.DoubtAhead == 0 {
		l.DoubtAhead = 5 * time.Minute
	}
}

// checker judges batches. It keeps the last registers it saw, to notice one that runs backwards.
type checker struct {
	limits    Limits
	standing  func(headend.DeviceID) (headend.Standing, bool)
	registers registers
}

// check leaves in b what can be stored and returns refusals for what cannot. A batch without anything
// storable becomes a refusal itself.
func (c *checker) check(b *headend.Batch, refused []headend.Batch) []headend.Batch {
	if b.Refusal != nil {
		return refused
	}
	if r := c.speaker(b); r != nil {
		b.Refusal, b.Readings, b.Events = r, nil, nil
		return refused
	}
	first := c.readings(b)
	if second := c.events(b); first == nil {
		first = second
	}
	switch {
	case first == nil:
		return refused
	case len(b.Readings) == 0 && len(b.Events) == 0:
		b.Refusal = first
		return refused
	}
	return append(refused, headend.Batch{Device: b.Device, Gateway: b.Gateway, Received: b.Received, Source: b.Source, Raw: b.Raw, Refusal: first})
}

// speaker says why the batch's sender may not speak for its device, or nil.
func (c *checker) speaker(b *headend.Batch) *headend.Refusal {
	if err := b.Device.Validate(); err != nil {
		return &headend.Refusal{Reason: headend.ReasonBadDevice, Detail: err.Error()}
	}
	if b.Gateway == "" || b.Gateway == b.Device {
		return nil
	}
	if err := b.Gateway.Validate(); err != nil {
		return &headend.Refusal{Reason: headend.ReasonBadDevice, Detail: "gateway: " + err.Error()}
	}
	if g, known := c.standing(b.Gateway); known && g.Kind != headend.KindGateway && g.State != headend.DeviceUnassigned {
		return &headend.Refusal{Reason: headend.ReasonForeignDevice,
			Detail: fmt.Sprintf("%s names device %s, but it is a %s: only a gateway speaks for others", b.Gateway, b.Device, g.Kind)}
	}
	d, known := c.standing(b.Device)
	switch {
	case known && d.OwnSecret:
		return &headend.Refusal{Reason: headend.ReasonForeignDevice,
			Detail: fmt.Sprintf("gateway %s names device %s, which has credentials of its own and speaks for itself", b.Gateway, b.Device)}
	case known && d.Gateway != "" && d.Gateway != b.Gateway:
		return &headend.Refusal{Reason: headend.ReasonForeignDevice,
			Detail: fmt.Sprintf("gateway %s names device %s, whose gateway is %s; a device without a gateway in the registry may come through any", b.Gateway, b.Device, d.Gateway)}
	}
	return nil
}

// readings keeps what can be true, in place, and returns the first fault.
func (c *checker) readings(b *headend.Batch) *headend.Refusal {
	var first *headend.Refusal
	faults := 0
	for i := range b.Readings {
		r := &b.Readings[i]
		fault := c.time(r.Time, b.Received, &r.Quality)
		if fault == nil {
			fault = reading(r)
		}
		if fault != nil {
			if faults++; first == nil {
				fault.Detail = string(r.Quantity) + ": " + fault.Detail
				first = fault
			}
			continue
		}
		b.Readings[i-faults] = *r
	}
	b.Readings = b.Readings[:len(b.Readings)-faults]
	return count(first, faults, "readings")
}

func reading(r *headend.Reading) *headend.Refusal {
	if r.Quantity.Column() < 0 && !headend.ValidQuantityName(string(r.Quantity)) {
		return &headend.Refusal{Reason: headend.ReasonBadQuantity, Detail: fmt.Sprintf("%q is no name for a quantity", string(r.Quantity))}
	}
	if r.Quantity.IsEnergy() {
		if !r.Value.IsWhole() {
			return &headend.Refusal{Reason: headend.ReasonBadValue, Detail: fmt.Sprintf("%s is not whole", r.Value)}
		}
		if r.Value.Int64() < 0 {
			return &headend.Refusal{Reason: headend.ReasonBadValue, Detail: fmt.Sprintf("%s: an energy register is never negative", r.Value)}
		}
		return nil
	}
	if f := r.Value.Float64(); math.IsNaN(f) || math.IsInf(f, 0) {
		return &headend.Refusal{Reason: headend.ReasonBadValue, Detail: fmt.Sprintf("%s is no measured value", r.Value)}
	}
	return nil
}

func (c *checker) events(b *headend.Batch) *headend.Refusal {
	var first *headend.Refusal
	faults := 0
	for i := range b.Events {
		e := &b.Events[i]
		fault := c.time(e.Time, b.Received, &e.Quality)
		switch {
		case fault != nil:
		case !headend.ValidQuantityName(string(e.Type)):
			fault = &headend.Refusal{Reason: headend.ReasonMalformed, Detail: fmt.Sprintf("%q is no name for an event", string(e.Type))}
		case len(e.Detail) > headend.MaxEventDetail:
			fault = &headend.Refusal{Reason: headend.ReasonTooLarge, Detail: fmt.Sprintf("detail of %d bytes, at most %d are kept", len(e.Detail), headend.MaxEventDetail)}
		case e.Duration < 0:
			fault = &headend.Refusal{Reason: headend.ReasonBadValue, Detail: fmt.Sprintf("lasted %s", e.Duration)}
		case e.Duration > c.limits.MaxAge-b.Received.Sub(e.Time):
			fault = &headend.Refusal{Reason: headend.ReasonBadTime, Detail: fmt.Sprintf("ended %s and lasted %s, so it began more than %s before it was received",
				e.Time.UTC().Format(time.RFC3339), length(e.Duration), length(c.limits.MaxAge))}
		}
		if fault != nil {
			if faults++; first == nil {
				fault.Detail = string(e.Type) + ": " + fault.Detail
				first = fault
			}
			continue
		}
		b.Events[i-faults] = *e
	}
	b.Events = b.Events[:len(b.Events)-faults]
	return count(first, faults, "events")
}

// time refuses what cannot be a time of measurement and flags a clock that is ahead.
func (c *checker) time(at, received time.Time, quality *headend.Quality) *headend.Refusal {
	switch { // compared as times: a difference of more than 292 years overflows a duration
	case at.Before(received.Add(-c.limits.MaxAge)):
		return &headend.Refusal{Reason: headend.ReasonBadTime, Detail: fmt.Sprintf("time %s is more than %s before it was received (%s)",
			at.UTC().Format(time.RFC3339), length(c.limits.MaxAge), received.UTC().Format(time.RFC3339))}
	case at.After(received.Add(c.limits.MaxAhead)):
		return &headend.Refusal{Reason: headend.ReasonBadTime, Detail: fmt.Sprintf("time %s is more than %s after it was received (%s)",
			at.UTC().Format(time.RFC3339), length(c.limits.MaxAhead), received.UTC().Format(time.RFC3339))}
	case at.After(received.Add(c.limits.DoubtAhead)):
		*quality |= headend.QualityClockDoubtful
	}
	return nil
}

func count(first *headend.Refusal, faults int, what string) *headend.Refusal {
	if faults > 1 {
		first.Detail += fmt.Sprintf(" (and %d more %s)", faults-1, what)
	}
	return first
}

// length prints a duration in days from two days on: nobody reads 17520h0m0s.
func length(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 2*day {
		return d.String()
	}
	return fmt.Sprintf("%d days", d/day)
}
