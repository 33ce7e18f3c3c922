// Package importer reads registry files: CSV as spreadsheets and customer systems write it (RFC 4180, comma,
// UTF-8 with or without a byte order mark), one kind of file a function.
//
//	file ──records──▶ lines with numbers ──check each field──▶ headend.Line{Row} or headend.Line{Refusal}
//
// In comes a reader; out go lines as they are read, one after the other, so that memory does not grow with
// the file. What is looked at here is what can be seen in the line itself: the number of columns, encoding,
// ids, times, kinds, phases. What needs the registry or other lines (an unknown parent, a cycle, an overlap)
// is the store's part.
//
// A line that cannot be used is a Line with a Refusal, and reading goes on. An error ends the reading: the
// file cannot be read, or its header is not the one that is expected.
//
// A new kind of file is a table of columns and a function from fields to a row, as in organisation.go.
package importer
