// Package ingest stands between the drivers and the store: it checks what devices say, joins what
// waits into one transaction, and returns to a driver only what is committed.
//
//	Accept ──check──▶ queue ──group──▶ Append ──▶ committed: every waiting Accept returns nil
//	                            │ rows refused         └ database away: wait, try again, Accept blocks
//	                            └─halve, halve, …─▶ the one poisoned message goes to quarantine
//
// In come headend.Batches; out goes one call of Store.Append for all that waited meanwhile. What can
// never be true (a register below zero, a reading from 1970 or 2099, a meter that speaks for another)
// is set aside in quarantine with its reason, the rest of the message is stored. What is merely
// doubtful is stored with a Quality flag.
//
// Guarantees:
//
//   - Accept returns nil after the commit, never before. Its error means that nothing may be
//     acknowledged; some of it may be stored, and comes again as a duplicate.
//   - A dead database blocks Accept, it ends nothing. Memory is bounded by what the drivers hold.
//   - One message whose rows the database refuses is set aside alone.
//   - A commit that has begun outlives the cancel of Run.
//
// A new check is one more case in check.go and one Reason in package headend.
package ingest
