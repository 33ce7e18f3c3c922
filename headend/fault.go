package headend

// DataFault is an error that lies in the data itself: the same rows will be refused again however
// often they are tried, while other rows go through. Any other error of a store means that the store
// cannot work now and the same rows may be tried later.
type DataFault struct {
	Cause error
}

// Error says what the database said.
func (f *DataFault) Error() string { return "rows refused: " + f.Cause.Error() }

// Unwrap gives the database's own error.
func (f *DataFault) Unwrap() error { return f.Cause }
