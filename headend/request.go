package headend

import "time"

// Request is one that must be carried out once, however often it is sent.
type Request struct {
	Scope       string // who asks
	Key         string // the client's own name for it
	Fingerprint []byte // of what is asked
}

// Answered is what came of a request.
type Answered struct {
	Status int    // HTTP status; 0: it is being answered
	Kind   string // content type
	Sealed []byte // the body, sealed
	Same   bool   // it was the same request, not another under the same key
}

// How long requests are remembered.
const (
	RequestKept  = 24 * time.Hour  // with its answer
	RequestTaken = 2 * time.Minute // after which one that was never answered, since the head-end died, is carried out again
)
