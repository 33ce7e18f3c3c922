package timeseries

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// partitionCache remembers which months have partitions (engine Postgres).
type partitionCache struct {
	mu    sync.RWMutex
	ready map[int]bool // months since year 0
}

func monthOf(us int64) int {
	t := fromMicros(us)
	return t.Year()*12 + int(t.Month()) - 1
}

func (c *partitionCache) has(month int) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.ready[month]
}

func (c *partitionCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = nil
}

// makePartitions makes the partitions of the months that are not there yet. Timescale makes its
// chunks by itself.
func (s *Store) makePartitions(ctx context.Context, months map[int]bool) error {
	if s.engine != Postgres {
		return nil
	}
	for month := range months {
		if s.partitions.has(month) {
			continue
		}
		first := time.Date(month/12, time.Month(month%12+1), 1, 0, 0, 0, 0, time.UTC)
		if _, err := s.pool.Exec(ctx, sqlPartitionMake, first); err != nil {
			return classify(fmt.Errorf("make partitions for %s: %w", first.Format("2006-01"), err))
		}
		s.partitions.mu.Lock()
		if s.partitions.ready == nil {
			s.partitions.ready = map[int]bool{}
		}
		s.partitions.ready[month] = true
		s.partitions.mu.Unlock()
	}
	return nil
}
