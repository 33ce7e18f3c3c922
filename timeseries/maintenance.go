package timeseries

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"lastgasp/headend"
)

// Run keeps the store in order until ctx ends: partitions made two months ahead, roll-ups settled, the
// registry's index read again when an import says so, and a device when its password has changed. A fault
// is logged and tried again; it never ends the process.
func (s *Store) Run(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { s.listen(ctx, changed) })
	beside.Go(func() { s.follow(ctx, changed) })
	tick, hourly := time.NewTicker(time.Minute), time.NewTicker(time.Hour)
	defer tick.Stop()
	defer hourly.Stop()
	s.maintain(ctx, time.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			s.maintain(ctx, now)
		case now := <-hourly.C:
			s.refreshLate(ctx, now)
			s.refreshParts(ctx)
			s.forget(ctx, now)
		}
	}
}

// follow reads again what others have changed in the registry, beside roll-ups that may take minutes: who has lost a right, or a
// password, must not stay for so long.
func (s *Store) follow(ctx context.Context, changed <-chan struct{}) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-changed:
			if err := s.Reload(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("registry not read again", slog.Any("error", err))
			}
		case <-s.renewed.some():
			if err := s.renew(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("changed passwords of devices not read; they are in a moment", slog.Any("error", err))
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
			}
		}
	}
}

// maintain does what is due. The time decides only which months come next.
func (s *Store) maintain(ctx context.Context, now time.Time) {
	if s.engine != Postgres {
		return // the server's own policies compress, refresh and drop
	}
	month := now.UTC().Year()*12 + int(now.UTC().Month()) - 1
	if err := s.makePartitions(ctx, map[int]bool{month: true, month + 1: true, month + 2: true}); err != nil && ctx.Err() == nil {
		s.log.Error("partitions not made ahead", slog.Any("error", err))
	}
	if err := s.Settle(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("roll-ups not settled", slog.Any("error", err))
	}
}

// refreshLate brings what has changed into the roll-ups, also readings that came later than the refresh policy
// of the server looks back. It ends before the bucket that still fills.
func (s *Store) refreshLate(ctx context.Context, now time.Time) {
	if s.engine != Timescale {
		return
	}
	if err := s.refresh(ctx, now.Add(-time.Hour)); err != nil && ctx.Err() == nil {
		s.log.Error("roll-ups of late readings not refreshed", slog.Any("error", err))
	}
}

// forget drops what is older than it is to be kept.
func (s *Store) forget(ctx context.Context, now time.Time) {
	if s.retain > 0 {
		if n, err := s.DropBefore(ctx, now.Add(-s.retain)); err != nil && ctx.Err() == nil {
			s.log.Error("old readings not dropped", slog.Any("error", err))
		} else if n > 0 {
			s.log.Info("old readings dropped", slog.Int("partitions", n))
		}
	}
	if err := s.dropLifeSigns(ctx, now.Add(-lifeSignsKept)); err != nil && ctx.Err() == nil {
		s.log.Error("old signs of life not dropped", slog.Any("error", err))
	}
	if err := s.dropRequests(ctx, now); err != nil && ctx.Err() == nil {
		s.log.Error("old requests not forgotten", slog.Any("error", err))
	}
	if err := s.dropSessions(ctx, now); err != nil && ctx.Err() == nil {
		s.log.Error("old sessions not dropped", slog.Any("error", err))
	}
	if err := s.dropLateReads(ctx, now.Add(-lateReadsKept)); err != nil && ctx.Err() == nil {
		s.log.Error("old notes of late readings not dropped", slog.Any("error", err))
	}
	if err := s.dropArrivals(ctx, now.Add(-notesWaiting)); err != nil && ctx.Err() == nil {
		s.log.Error("old notes of arrivals not dropped", slog.Any("error", err))
	}
	if s.quarantine > 0 {
		if err := s.dropQuarantine(ctx, now.Add(-s.quarantine)); err != nil && ctx.Err() == nil {
			s.log.Error("old quarantine not dropped", slog.Any("error", err))
		}
	}
}

// listen waits for what other processes tell (NOTIFY registry, credential, outage, evidence, webhook) and passes each on.
func (s *Store) listen(ctx context.Context, changed chan<- struct{}) {
	said := false
	for ctx.Err() == nil {
		heard, err := s.listenOnce(ctx, changed)
		if err == nil || ctx.Err() != nil {
			continue
		}
		if heard || !said {
			s.log.Warn("not listening for imports and outages until the database is back", slog.Any("error", withoutSecret(err)))
			said = true
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// listenOnce listens on one connection until it breaks; heard tells whether it ever listened.
func (s *Store) listenOnce(ctx context.Context, changed chan<- struct{}) (heard bool, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer func() { // a listening connection must not go back to the pool
		if err := conn.Hijack().Close(context.WithoutCancel(ctx)); err != nil {
			s.log.Debug("close listening connection", slog.Any("error", err))
		}
	}()
	if _, err := conn.Exec(ctx, "LISTEN registry; LISTEN credential; LISTEN outage; LISTEN evidence; LISTEN webhook"); err != nil {
		return false, err
	}
	for _, channel := range []string{"registry", "outage", "evidence", "webhook"} { // what came while nobody listened
		s.heard(channel, "", changed)
	}
	for {
		told, err := conn.Conn().WaitForNotification(ctx)
		if err != nil {
			return true, err
		}
		s.heard(told.Channel, told.Payload, changed)
	}
}

func (s *Store) heard(channel, payload string, changed chan<- struct{}) {
	switch channel {
	case "credential":
		s.renewed.add(headend.DeviceID(payload))
	case "outage":
		s.outages.tell()
	case "evidence":
		s.evidence.tell()
	case "webhook":
		s.webhooks.tell()
	case "registry":
		select {
		case changed <- struct{}{}:
		default: // one waits already
		}
	}
}
