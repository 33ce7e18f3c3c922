// Package timeseries is the store: all SQL of the program, and the only user of pgx.
//
// In come headend.Batches (Append) and registry rows (Import...); out come readings, events,
// quarantine and the registry. Two engines stand behind one Store, chosen when the database is made
// by what the server has: Timescale (hypertables, columnstore, continuous aggregates) and Postgres
// (native range partitions, roll-ups of our own). Both give the same answers; the test suite runs on
// both.
//
//	Append: batches ──pivot──▶ rows by (meter, time) ──COPY──▶ reading        fast: no key was there
//	                                     │ a key was there
//	                                     └─compare with what is stored─▶ insert, fill, replace + history
//
// Guarantees of Append:
//
//   - When it returns nil everything is committed, durable against a crash of any process.
//   - The same value for the same meter, time and quantity again changes nothing and is counted a
//     duplicate; so is a value that was current once and has been replaced (a late redelivery).
//   - Another value becomes current and the former one goes to reading_history.
//   - All or nothing: on an error no row of the call is stored. A *headend.DataFault means the rows are
//     to blame; any other error means that the database cannot work now.
//
// For the detector of interruptions the store keeps, in the same transaction as the readings, what they say about supply
// (life_sign), and with every piece of evidence the transaction that stored it. A cursor is a snapshot:
//
//	Replay(from) ─▶ cursor ─Feed─▶ cursor ─Feed─▶ …      what is visible now and was not in the cursor, each row once
//	                  └──────────Record(epoch, results, cursor)──────────▶ ledger, all or nothing
//
// Only the holder of the lease records: Record locks the one row of detection and writes nothing when its epoch is over.
// Rows of the ledger are versions; the ledger as of a revision is made of those with revision <= it < until.
//
// A new quantity with a column: one line in headend/quantity.go and one migration. A new engine: one
// more value of Engine and its migrations.
package timeseries
