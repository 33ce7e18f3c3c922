// Package billing is the pure core of billing: from the registers meters sent to what a usage point consumed, what is
// missing, what was estimated and how. No clock, no database, no goroutine: time is an argument, inputs are values.
//
// Package office joins it with the store: it looks for gaps each hour, has meters asked, keeps estimates as versions, makes runs, and
// answers for the API and the command line.
//
// # What comes in and goes out
//
//	registers of meters (Point), who measured when (Supply: fittings, multipliers)
//	      │ Metering: chains of steps that were proven one by one           register.go, chain.go, metering.go
//	      ▼
//	   Read at a cut-off · Consumption of a Period · []Value of intervals · Demand
//	      │
//	      ├─ Schedule: what is owed ─▶ Gap: open, requested, filled, estimated, given up; Success counts
//	      ├─ Rules: Findings, each with its Verdict            rules.go, rule_*.go
//	      ├─ Estimator: values for intervals that have none                  estimate.go, shape.go
//	      ▼
//	   Line of a run ─▶ snapshot (bytes, id) ─▶ Change between two snapshots  snapshot.go, change.go
//
// The sub-package export writes rows in the formats billing systems read.
//
// # Guarantees
//
//   - No wrong consumption: what cannot be known has a Reason and no number. A register that runs backwards is
//     consumption only as a proven roll-over: its dial's length is known and no more than the connection can carry
//     went through. A step of which the dial could have gone round once more than seen is not known either.
//     A meter that loses count while nobody reads it, and is above its last read again when somebody does, cannot be told.
//   - Energy is whole Wh in int64; a product that does not fit is a Reason, never an overflow.
//   - Consumption of two periods that meet adds up to that of both together, however their cut-off was had: both use
//     the same register for it.
//   - An estimate stands only where nothing was measured, names its method, and gives way to a measured value. Where
//     the register before and after is known, the estimates between add up to the difference.
//   - The same inputs give the same bytes of a snapshot; its id is the hash of them.
//
// # An interval and its read
//
// An interval is (From, To]: the register at To closes it, so it is of the day and the hour its From lies in; the
// register of midnight closes the last interval of the day before. Days begin at local midnight of the utility's zone.
//
// # To extend it
//
// A rule is one Verdict, one function in a file rule_*.go, one line of the table in rules.go. A way of estimating is one Method and one
// function in shape.go. A format is one file of export and a line in its table.
package billing
