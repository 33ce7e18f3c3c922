// Package webhook tells other systems of events: outages that open, change and close, and days of which too few reads have come.
//
//	ledger ──revisions──▶ news ──one transaction──▶ outbox (timeseries) ──take──▶ POST, signed ──▶ other system
//	                                                    ▲                            │ not 2xx: back off, try again,
//	                                                    └────────── report ──────────┘ after Options.Attempts give up
//
// In come changes of the ledger, in the order of its revisions; out go HTTP requests with JSON bodies, signed as
// Standard Webhooks 1.0 (www.standardwebhooks.com) has it: webhook-id, webhook-timestamp and webhook-signature, which is
// "v1," and the base64 of HMAC-SHA256 over id.timestamp.body.
//
// Guarantees:
//
//   - At least once: an event is written down in the transaction that moves the outbox on, and is tried until the other
//     system answers 2xx, or as often as Options.Attempts says. What was given up stays to be seen, and can be sent by hand.
//   - The same webhook-id and the same bytes at every attempt: the receiver can tell what it has had.
//   - Of one outage, a webhook gets the earlier event first: the next is tried when the one before has arrived or was given up.
//   - Of several head-ends each delivery is taken by one. One that dies holding it holds it for Options.Timeout and a minute.
//   - A webhook that is slow or dead keeps back nobody else: of Options.Workers requests at once, it has at most a quarter.
//
// The addresses come from people, so the head-end could be made to reach what only it can reach. Therefore: https alone
// unless Options.Insecure; the address that is connected to is looked at after its name was resolved, in the call that
// connects (a name that answers differently the second time gains nothing), and must be public or in Options.Allow;
// no proxy, no redirect, no answer body beyond 64 KiB; what the answer said is not kept, but its status.
//
// Secrets are made here and shown once. They are stored sealed (AES-256-GCM) with a key in a file of the head-end's, which
// is in no backup of the database: who has the database alone can forge no event.
//
// A new kind of event: a constant in headend/webhook.go, and whoever knows of it calls Tell.
package webhook
