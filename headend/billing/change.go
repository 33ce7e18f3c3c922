package billing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"lastgasp/headend"
)

// ChangeKind says what became of a line between two snapshots.
type ChangeKind string

// Kinds of changes.
const (
	LineAdded   ChangeKind = "added"
	LineRemoved ChangeKind = "removed"
	LineChanged ChangeKind = "changed"
)

// Change is an entry of the change feed: one usage point and quantity that is not in the newer snapshot as it was in the
// older one.
type Change struct {
	UsagePoint string           `json:"usage_point"`
	Quantity   headend.Quantity `json:"quantity"`
	Kind       ChangeKind       `json:"kind"`
	Before     *Consumption     `json:"before,omitempty"` // both where it has changed, one where the line is gone or new
	After      *Consumption     `json:"after,omitempty"`
	Held       *HeldChange      `json:"held,omitempty"` // where the gate says something else
	Demand     bool             `json:"demand,omitempty"`
	Values     []ValueChange    `json:"values,omitempty"` // of a changed line
}

// HeldChange is what the gate said before and after.
type HeldChange struct {
	Before []string `json:"before"`
	After  []string `json:"after"`
}

// ValueChange is one interval: without Before it is new, without After it is gone.
type ValueChange struct {
	Period Period `json:"period"`
	Before *Value `json:"before,omitempty"`
	After  *Value `json:"after,omitempty"`
}

// Compare tells the changes from an older to a newer snapshot, in order of usage point and quantity, holding one line of
// each. It stops when tell returns an error, and returns it. Both readers must be at their beginning; afterwards
// their ids are known.
func Compare(older, newer *SnapshotReader, tell func(Change) error) error {
	a, aOK, err := next(older)
	if err != nil {
		return fmt.Errorf("older: %w", err)
	}
	b, bOK, err := next(newer)
	if err != nil {
		return fmt.Errorf("newer: %w", err)
	}
	for aOK || bOK {
		way := 0
		switch {
		case !bOK:
			way = -1
		case !aOK:
			way = 1
		default:
			way = order(a, b)
		}
		change, differs, err := changeOf(a, b, way)
		if err != nil {
			return err
		}
		if differs {
			if err := tell(change); err != nil {
				return err
			}
		}
		if way <= 0 {
			if a, aOK, err = next(older); err != nil {
				return fmt.Errorf("older: %w", err)
			}
		}
		if way >= 0 {
			if b, bOK, err = next(newer); err != nil {
				return fmt.Errorf("newer: %w", err)
			}
		}
	}
	return nil
}

func next(s *SnapshotReader) (Line, bool, error) {
	line, err := s.Next()
	if errors.Is(err, io.EOF) {
		return Line{}, false, nil
	}
	return line, err == nil, err
}

// changeOf is the change from a to b; way tells that only a (-1), only b (1) or both (0) are there.
func changeOf(a, b Line, way int) (Change, bool, error) {
	switch {
	case way < 0:
		return Change{UsagePoint: a.UsagePoint, Quantity: a.Quantity, Kind: LineRemoved, Before: &a.Consumption}, true, nil
	case way > 0:
		return Change{UsagePoint: b.UsagePoint, Quantity: b.Quantity, Kind: LineAdded, After: &b.Consumption}, true, nil
	}
	same, err := equal(a, b)
	if err != nil || same {
		return Change{}, false, err
	}
	c := Change{UsagePoint: a.UsagePoint, Quantity: a.Quantity, Kind: LineChanged}
	if same, err = equal(a.Consumption, b.Consumption); err != nil {
		return c, false, err
	} else if !same {
		c.Before, c.After = &a.Consumption, &b.Consumption
	}
	if same, err = equal(a.Held, b.Held); err != nil {
		return c, false, err
	} else if !same {
		c.Held = &HeldChange{a.Held, b.Held}
	}
	if same, err = equal(a.Demand, b.Demand); err != nil {
		return c, false, err
	}
	c.Demand = !same
	c.Values = valueChanges(a.Values, b.Values)
	return c, true, nil
}

// equal compares what stands in the snapshots, byte for byte.
func equal(a, b any) (bool, error) {
	x, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	y, err := json.Marshal(b)
	return bytes.Equal(x, y), err
}

// valueChanges merges two series in order of time. Intervals of another length are other intervals.
func valueChanges(a, b []Value) []ValueChange {
	var changes []ValueChange
	for i, j := 0, 0; i < len(a) || j < len(b); {
		way := 0
		switch {
		case j == len(b):
			way = -1
		case i == len(a):
			way = 1
		default:
			if way = a[i].Period.From.Compare(b[j].Period.From); way == 0 {
				way = a[i].Period.To.Compare(b[j].Period.To)
			}
		}
		switch {
		case way < 0:
			changes = append(changes, ValueChange{Period: a[i].Period, Before: &a[i]})
			i++
		case way > 0:
			changes = append(changes, ValueChange{Period: b[j].Period, After: &b[j]})
			j++
		default:
			if x, y := a[i], b[j]; x != y {
				changes = append(changes, ValueChange{Period: x.Period, Before: &a[i], After: &b[j]})
			}
			i, j = i+1, j+1
		}
	}
	return changes
}
