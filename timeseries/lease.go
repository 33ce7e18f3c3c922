package timeseries

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	leaseEvery = time.Second     // between two tries for the lease, and between two probes of its connection
	leaseProbe = 3 * time.Second // after which a connection that does not answer is taken for lost
)

// leaseAnswer is how long who waits for the lease waits for an answer: a connection whose other end is gone would keep it
// waiting for a quarter of an hour, with the lease free. Whoever writes the ledger just then may take some seconds.
var leaseAnswer = 30 * time.Second

// Lease waits until this process is the one that detects interruptions, and takes the next epoch. It is an advisory
// lock of a connection of its own: the server gives it back when the connection ends, however that comes about (some
// 10 s after a process or its network has gone without a word). lost is closed when the connection has broken; what
// is still written under the epoch then, Record refuses as soon as another has taken the next one. release gives the
// lease back; call it in any case. A database that does not answer is tried again each second; the error is that of
// ctx.
func (s *Store) Lease(ctx context.Context, holder string) (epoch int64, lost <-chan struct{}, release func(), err error) {
	said := false
	var conn *pgx.Conn
	for {
		conn, epoch, err = s.tryLease(ctx, conn, holder)
		if err == nil && epoch > 0 {
			h := hold(conn)
			return epoch, h.lost, h.release, nil
		}
		if err != nil && ctx.Err() == nil && !said {
			s.log.Warn("the lease of the detector cannot be asked for; trying again each second", slog.Any("error", withoutSecret(err)))
			said = true
		}
		select {
		case <-time.After(leaseEvery):
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return 0, nil, nil, errors.Join(ctx.Err(), closeLease(conn))
		}
	}
}

// tryLease asks once, on conn or a new connection. Epoch 0 means that another holds it. On an error the connection
// is closed.
func (s *Store) tryLease(ctx context.Context, conn *pgx.Conn, holder string) (_ *pgx.Conn, epoch int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, leaseAnswer)
	defer cancel()
	if conn == nil {
		if conn, err = pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig); err != nil {
			return nil, 0, err
		}
	}
	var ours bool
	if err = conn.QueryRow(ctx, sqlLeaseTry).Scan(&ours); err == nil && ours {
		err = conn.QueryRow(ctx, sqlLeaseTake, holder).Scan(&epoch)
	}
	if err != nil {
		return nil, 0, errors.Join(err, closeLease(conn))
	}
	return conn, epoch, nil
}

func closeLease(conn *pgx.Conn) error {
	if conn == nil || conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaseProbe)
	defer cancel()
	if err := conn.Close(ctx); err != nil {
		return fmt.Errorf("close the connection of the lease: %w", err)
	}
	return nil
}

// held is a lease that is ours.
type held struct {
	conn *pgx.Conn
	lost chan struct{}
	stop context.CancelFunc
	once sync.Once
	done chan struct{}
}

func hold(conn *pgx.Conn) *held {
	ctx, stop := context.WithCancel(context.Background())
	h := &held{conn: conn, lost: make(chan struct{}), stop: stop, done: make(chan struct{})}
	go h.watch(ctx)
	return h
}

// watch probes the connection until it breaks or the lease is released.
func (h *held) watch(ctx context.Context) {
	defer close(h.done)
	for {
		if err := h.listen(ctx); err != nil || ctx.Err() != nil {
			break
		}
		if err := h.probe(ctx); err != nil {
			break
		}
	}
	if ctx.Err() == nil {
		close(h.lost)
	}
}

// listen waits for a while; a connection that the server ends is noticed at once.
func (h *held) listen(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, leaseEvery)
	defer cancel()
	if _, err := h.conn.WaitForNotification(wait); err != nil && !(pgconn.Timeout(err) && wait.Err() != nil) {
		return err
	}
	return nil
}

func (h *held) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaseProbe)
	defer cancel()
	return h.conn.Ping(ctx)
}

// release ends the watch and the connection. A connection that cannot say goodbye is gone too.
func (h *held) release() {
	h.once.Do(func() {
		h.stop()
		<-h.done
		if err := closeLease(h.conn); err != nil {
			slog.Debug("lease", slog.Any("error", err))
		}
	})
}
