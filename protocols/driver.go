package protocols

import (
	"context"

	"lastgasp/headend"
)

// Driver speaks one protocol with the devices of one configuration section.
type Driver interface {
	// Run serves until ctx ends, then stops taking new messages, lets what is being accepted finish,
	// acknowledges it, and returns nil. It returns an error only when it cannot go on at all; a
	// connection that is lost is retried within Run.
	Run(ctx context.Context, sink Sink) error
}

// Sink takes what drivers have decoded.
type Sink interface {
	// Accept returns nil once every batch is durable, so the driver may acknowledge. On an error
	// nothing may be acknowledged. It blocks for back-pressure and keeps no reference to the batches
	// or what they point to. It may be called from several goroutines at once.
	Accept(ctx context.Context, batches []headend.Batch) error
}
