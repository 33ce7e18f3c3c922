package headend

import (
	"errors"
	"fmt"
)

// Unknown says that there is nothing of that name: a meter, a usage point, a quantity.
type Unknown struct {
	What string
	ID   string
}

// Error names what was looked for.
func (u *Unknown) Error() string { return fmt.Sprintf("unknown %s %q", u.What, clip(u.ID)) }

// ErrTooSlow says that a question was given up because its time was over.
var ErrTooSlow = errors.New("the question took too long")

// ErrAway says that the database does not answer; the same question may be asked again later.
var ErrAway = errors.New("the database does not answer")
