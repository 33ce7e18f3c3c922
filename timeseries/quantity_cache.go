package timeseries

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// quantityCache numbers the quantities without a column. There are at most 30,000 names: the number
// is a smallint, and a device that invents names must not fill the table.
type quantityCache struct {
	mu       sync.RWMutex
	byName   map[headend.Quantity]int16
	byNumber map[int16]headend.Quantity
	full     bool                     // the table takes no more names
	invented map[headend.DeviceID]int // names each device has brought since the start
}

// namesADevice is how many names one device may bring. No real one has more; one that invents names must
// not use up the table for all others.
const namesADevice = 200

// mayAdd tells whether a device may bring one more name, and counts it.
func (c *quantityCache) mayAdd(id headend.DeviceID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full || c.invented[id] >= namesADevice {
		return false
	}
	if c.invented == nil {
		c.invented = map[headend.DeviceID]int{}
	}
	c.invented[headend.DeviceID(strings.Clone(string(id)))]++
	return true
}

func (c *quantityCache) get(q headend.Quantity) (int16, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n, ok := c.byName[q]
	return n, ok
}

func (c *quantityCache) name(n int16) headend.Quantity {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byNumber[n]
}

// registerQuantities numbers the names that have none yet, as far as there is room.
func (s *Store) registerQuantities(ctx context.Context, unknown map[headend.Quantity]bool) error {
	names := make([]string, 0, len(unknown))
	for q := range unknown {
		names = append(names, string(q))
	}
	if len(names) > 0 {
		if _, err := s.pool.Exec(ctx, sqlQuantityRegister, names); err != nil {
			return classify(fmt.Errorf("register quantities: %w", err))
		}
	}
	rows, err := s.pool.Query(ctx, sqlQuantityAll)
	if err != nil {
		return classify(fmt.Errorf("load quantities: %w", err))
	}
	byName, byNumber := map[headend.Quantity]int16{}, map[int16]headend.Quantity{}
	var number int16
	var name headend.Quantity
	if _, err := pgx.ForEachRow(rows, []any{&number, &name}, func() error {
		byName[name], byNumber[number] = number, name
		return nil
	}); err != nil {
		return classify(fmt.Errorf("load quantities: %w", err))
	}
	s.quantities.mu.Lock()
	defer s.quantities.mu.Unlock()
	s.quantities.byName, s.quantities.byNumber = byName, byNumber
	for q := range unknown {
		if _, added := byName[q]; !added {
			s.quantities.full = true
			s.log.Error("no more names of quantities fit; readings under further new names go to quarantine", slog.Int("names", len(byName)))
			break
		}
	}
	return nil
}
