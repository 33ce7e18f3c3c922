package headend

import "errors"

// ErrCursor says that a cursor is none, or of another database: evidence has to be fed from a time on instead.
var ErrCursor = errors.New("the cursor is not of this database")
