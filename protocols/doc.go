// Package protocols holds the contract between the field and the head-end: a Driver speaks one
// protocol and hands what devices say to a Sink; it acknowledges to the device only what the Sink has
// made durable.
//
//	device ──message──▶ driver ──Decode──▶ []headend.Batch ──Accept──▶ sink ──commit──▶ database
//	device ◀────ack──── driver ◀───────────────────── nil ◀────────────────────┘
//
// Guarantees every driver keeps (drivertest checks them):
//
//   - acknowledged means Accept has returned nil for it;
//   - a message that cannot be decoded is accepted as a refusal (quarantine) and then acknowledged,
//     so that it never blocks its neighbours and is never lost;
//   - what is in flight is bounded; when the sink blocks, the driver stops reading from the network;
//   - Run returns only when every goroutine it started has ended.
//
// A new protocol is a folder beside this file and one line in cmd/headend. Subpackages import this
// package and headend, never each other; what one needs of another is an interface here.
package protocols
