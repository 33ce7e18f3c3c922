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
// A new quantity with a column: one line in headend/quantity.go and one migration. A new engine: one
// more value of Engine and its migrations.
package timeseries
