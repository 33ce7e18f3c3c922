// Package export writes billing rows in the formats billing systems read, one row at a time: CSV, NDJSON, AEMO NEM12,
// Green Button (ESPI), IEC 61968-9 MeterReadings, Arrow IPC stream and Parquet.
//
// Readings as they were read have writers of their own (ReadingWriter): JSON, NDJSON, CSV, Arrow and Parquet, in columns, by the block.
//
// # What comes in and goes out
//
// Rows, in order of usage point, quantity, intervals before registers, time (Rows makes them of a line of a
// billing run); bytes to an io.Writer. A Writer holds at most the rows
// of one day, or in Arrow and Parquet a batch of 16,384.
//
// # Guarantees
//
//   - What is not known has no number. CSV, NDJSON, Arrow and Parquet say why; ESPI and IEC leave the interval out; NEM12, which has a place
//     for each interval of a day, writes the quality N there, whose number says nothing.
//   - An estimate is marked as one in every format, with its method as far as the format has a word for it.
//   - A row that a format cannot carry is an error (ErrRow) that names it, never a row left out or bent.
//   - The same rows and Options give the same bytes: the time of writing is an option.
//
// # To extend it
//
// A format is one file and one line in the table of export.go. Its test has an example not made by our writer, and a
// parser made from the rules of the format.
package export
