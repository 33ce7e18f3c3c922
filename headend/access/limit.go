package access

import (
	"sync"
	"time"

	"lastgasp/headend"
)

// How a name is locked: after so many failures for a while, which doubles with each further one.
const (
	freeFailures = 5
	firstLock    = 30 * time.Second
	longestLock  = 15 * time.Minute
	forgetAfter  = 24 * time.Hour
)

// LockedUntil is until when nobody is let in under a name that has failed so often; zero when it is not locked. It never
// locks for longer than a quarter of an hour: whoever knows a name must not be able to keep its owner out for ever.
func LockedUntil(f headend.Failures, now time.Time) time.Time {
	if f.Count < freeFailures || now.Sub(f.Last) >= forgetAfter {
		return time.Time{}
	}
	lock := firstLock
	for range f.Count - freeFailures {
		if lock *= 2; lock >= longestLock {
			lock = longestLock
			break
		}
	}
	if until := f.Last.Add(lock); now.Before(until) {
		return until
	}
	return time.Time{}
}

// Rate lets each key do something so often, and a number of times at once. It forgets keys that have their full room again.
type Rate struct {
	Every time.Duration // one more
	Burst int           // at once
	Most  int           // keys that are remembered; beyond it unknown keys share one

	mu   sync.Mutex
	full map[string]time.Time // when the key has its full room again
}

// Take takes one for a key, or says when there is one again.
func (r *Rate) Take(key string, now time.Time) (until time.Time, ok bool) {
	return r.take(key, now, true)
}

// Look says whether there is one for a key, without taking it.
func (r *Rate) Look(key string, now time.Time) (until time.Time, ok bool) {
	return r.take(key, now, false)
}

func (r *Rate) take(key string, now time.Time, taken bool) (until time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full == nil {
		r.full = map[string]time.Time{}
	}
	full, known := r.full[key]
	if !known && len(r.full) >= r.Most {
		if r.forget(now); len(r.full) >= r.Most {
			key = "" // a flood of keys is one
			full = r.full[key]
		}
	}
	if full.Before(now) {
		full = now
	}
	// The key has had (full-now)/Every too many; there is room while that is below Burst.
	if over := full.Sub(now) - time.Duration(r.Burst-1)*r.Every; over > 0 {
		return now.Add(over), false
	}
	if taken {
		r.full[key] = full.Add(r.Every)
	}
	return time.Time{}, true
}

func (r *Rate) forget(now time.Time) {
	for key, full := range r.full {
		if !full.After(now) {
			delete(r.full, key)
		}
	}
}

// Limits say how long a session lasts.
type Limits struct {
	Session time.Duration // at most
	Idle    time.Duration // without a request
}

// Over tells whether a session has come to its end.
func (l Limits) Over(s *headend.Session, now time.Time) bool {
	return !now.Before(s.Expires) || now.Sub(s.Seen) >= l.Idle
}
