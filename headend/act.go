package headend

import (
	"context"
	"time"
)

// Act is something that somebody does that changes what is stored: an entry of the audit trail in the making. It travels in the
// context; the store writes the entry in the transaction of the change itself.
type Act struct {
	Who    string // as in Principal.Name
	Role   Role   // "" for a program, and for the command line
	From   string // address of the client; "" on the machine of the head-end
	What   string // the operation's id, such as decide-outage
	Target string // what it is done to, such as outages/17
	Before any    // what was there, as it is shown to the world; nil: nothing, or not told
	After  any    // what is there now, or what was asked for

	Entries int // that the store has written for it
}

type actKey struct{}

// WithAct says what is being done.
func WithAct(ctx context.Context, act *Act) context.Context {
	return context.WithValue(ctx, actKey{}, act)
}

// ActOf is what is being done; nil for what the program does by itself.
func ActOf(ctx context.Context) *Act {
	act, _ := ctx.Value(actKey{}).(*Act)
	return act
}

// AuditEntry is an entry of the audit trail. Hash is that of the entry and of Previous, the hash of the entry before it.
type AuditEntry struct {
	Number   int64
	At       time.Time
	Who      string
	Role     Role
	From     string
	What     string
	Target   string
	Before   string // JSON; "" for none
	After    string // JSON; "" for none
	Previous []byte
	Hash     []byte
}

// AuditVerdict says whether the audit trail is what was written.
type AuditVerdict struct {
	Entries int64    // that are there
	Last    int64    // number of the last one that was written
	Hash    []byte   // of that one
	Faults  []string // what was changed, removed or moved, in words; none: it is what was written
}

// AuditFilter picks entries; what is empty picks all.
type AuditFilter struct {
	Who, What, Target string
	From, To          time.Time // half-open
}
