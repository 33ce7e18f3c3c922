// Package office does the work of billing on a store: it joins package billing, which is pure, with what is stored.
//
//	  hours that are over, arrival           late_read                 gaps that are due
//	                  │                          │                            │
//	store ──▶ Detect: who owed what ──▶ gap ◀── Fill: what came late    Chase: ask ─▶ Question ─▶ device
//	                  │                          │                            │ patience is over
//	            read_success              measured follows estimate     estimate ─▶ value_version
//
//	usage points, readings, ledger ──▶ line (metering, values, rules, gate) ──▶ Make: snapshot of a run, Account, Registers
//
// # Guarantees
//
//   - What came is noted by each commit beside its readings (arrival), so that a look reads a few bytes a reading. Where notes do not reach
//     back, readings say the same.
//   - Once a day the day before is validated, and runs of whose time something came late are made anew: what differs has changed.
//   - An hour is looked at once, Settle after its end; what is committed later than that for it, the store tells as late, and
//     Fill looks at the gaps of those meters alone. Neither costs more than what has come in, and what is missing.
//   - Gaps, counts, versions and how far hours were looked at commit together. After a kill at any moment nothing is counted
//     twice or left out. A question that was stored as asked and not sent expires, and is asked again.
//   - At most Patience.AtOnce questions are open. A meter that had no supply over a whole gap is not asked, nor is one that cannot
//     be: such gaps are estimated as soon as they are due. Spread keeps meters that were away together from being asked together.
//   - Values are made from readings and ledger each time, by the same rules for gaps, runs and answers. What was once
//     estimated stays as a version; so does the measured value that took its place.
//   - A run reads one snapshot of the store. Its bytes are stored in parts and never change; memory holds some usage points.
//
// Of several head-ends one does a step at a time; a run is made by whoever takes it first.
//
// # A gap and its intervals
//
// A gap is made of the intervals whose closing register is missing. The interval after it lacks its first register and has no
// energy either: it is estimated with the gap.
//
// # Failure
//
// What fails is logged, counted and done again in the next round. A run that cannot be made as it was asked for is marked as
// failed with the reason; one whose maker went away waits and is made again.
package office
