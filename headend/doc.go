// Package headend is the vocabulary of Lastgasp: the nouns every other package speaks in.
//
// It holds what a device says (Reading, Event, carried in a Batch), who says it (Device), where a
// customer is supplied (UsagePoint), which meter measured it when (Installation), how the network
// hangs together (Node) and who answers for it (Organisation). One file is one noun.
//
// What comes in is decoded by the packages under protocols into Batches; what goes out is stored by
// timeseries. Between them every stage under headend/ reads these types and nothing of its siblings.
//
// Guarantees:
//
//   - The package imports nothing of ours and does no input or output.
//   - What was not measured has no Reading: there is no zero and no NaN that stands for "missing".
//   - Energy is whole Wh (varh) in an int64, never a float.
//   - Time is when it happened at the device, Received when we learned it; both are UTC.
//
// To extend it: a new quantity with a column of its own is one line in quantity.go and one migration
// in timeseries; a quantity without one needs nothing at all.
package headend
