// Package runner keeps the detector of package interruption fed from the store and writes what it finds into
// the ledger.
//
//	store ──Grid──▶ Network ─┐
//	      ──Replay, Feed──▶ Feeder ──Observe, Plan, Decide──▶ Detector ──Advance(now)──▶ Changes ──Record──▶ store
//
// Of several head-ends on one database one holds the lease and detects; the others wait for it. The lease has an
// epoch, and every Record names it: a head-end that lost the lease without knowing writes nothing.
//
// # Guarantees
//
//   - What is fed is what is committed, each piece at least once; the detector takes a repeated piece for what it is.
//   - Results, numbers of outages and rows, and how far the evidence was read commit together. After a kill at any
//     moment a new runner restores what was told, feeds the evidence since ReplayFrom again, and tells only what
//     is new.
//   - What counters say beside the ledger is compared with what was told whenever rows or counts change (counts.go); only
//     differences are recorded. What is from before the window stays as it was told.
//   - A registry that changes makes a new Network and a replay; the ledger is then the one that the new registry gives.
//
// # Failure
//
// A database that does not answer stops detection, not the process: the runner lets go of the lease, says so once,
// and tries again each second. Evidence the detector refuses is counted by reason.
//
// # To extend it
//
// A new kind of event that says something about supply is a line in evidenceOf (feeder.go).
package runner
