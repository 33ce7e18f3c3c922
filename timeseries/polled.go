package timeseries

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// PolledDevices lists the active devices of a protocol that are asked rather than listened to, with the
// node each stands for now.
func (s *Store) PolledDevices(ctx context.Context, protocol string) ([]headend.Device, error) {
	rows, err := s.pool.Query(ctx, sqlDevicePolled, protocol)
	if err != nil {
		return nil, fmt.Errorf("devices of protocol %s: %w", protocol, withoutSecret(err))
	}
	devices, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d headend.Device, err error) {
		err = row.Scan(&d.ID, &d.Kind, &d.State, &d.Protocol, &d.Address, &d.Profile, &d.Node)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("devices of protocol %s: %w", protocol, err)
	}
	return devices, nil
}

// Changed gives a channel that gets a value after an import has changed the registry and it has been read again. A value that waits
// stands for all changes since; cancel ends it.
func (s *Store) Changed() (changed <-chan struct{}, cancel func()) {
	return s.changes.add()
}

// subscribers want to know that something has changed.
type subscribers struct {
	mu  sync.Mutex
	all map[chan struct{}]bool
}

func (s *subscribers) add() (<-chan struct{}, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[chan struct{}]bool{}
	}
	c := make(chan struct{}, 1)
	s.all[c] = true
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.all, c)
	}
}

func (s *subscribers) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.all {
		select {
		case c <- struct{}{}:
		default: // one waits already
		}
	}
}
