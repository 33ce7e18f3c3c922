package timeseries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Bounds of the outbox.
const (
	mostFilled  = 2_000   // outages of which news is written down in one transaction
	mostWaiting = 100_000 // deliveries that wait for one webhook; beyond, the oldest are given up
)

// FillOutbox writes down what is news of the outages that were written since the last time, for the webhooks that chose it,
// together with how far it has come: each change is written down once, in the order of the ledger's revisions, whoever
// of several head-ends does it. news says what is news of outages, given what was told of their subjects; it must return
// the same for the same. more tells that there is more to be read. Nothing is written on an error.
func (s *Store) FillOutbox(ctx context.Context, subject func(outage int64) string,
	news func(outages []headend.Outage, told map[string]headend.Told) ([]headend.News, error)) (more bool, err error) {
	err = s.change(ctx, func(tx pgx.Tx) error {
		var from, to, last int64
		var wanted bool
		if err := tx.QueryRow(ctx, sqlWebhookOutboxLock).Scan(&from); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, sqlQueryLedgerRevision).Scan(&last); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, sqlWebhookOutboxTo, from, mostFilled).Scan(&to, &wanted); err != nil {
			return err
		}
		if to = min(to, last); to == from {
			return nil
		}
		if to > from && wanted {
			if err := s.writeNews(ctx, tx, from, to, subject, news); err != nil {
				return err
			}
			more = to < last
		} else {
			to = last // nobody is told of it; or the database was put back to an older state
		}
		_, err := tx.Exec(ctx, sqlWebhookOutboxWrite, to)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("outbox: %w", err)
	}
	return more, nil
}

func (s *Store) writeNews(ctx context.Context, tx pgx.Tx, from, to int64, subject func(outage int64) string,
	news func(outages []headend.Outage, told map[string]headend.Told) ([]headend.News, error)) error {
	outages, err := list(ctx, tx, scanOutage, picked(sqlOutageSelect, pick{"outbox", sqlWebhookOutboxOutage}), from, to)
	if err != nil || len(outages) == 0 {
		return err
	}
	subjects := make([]string, len(outages))
	for i := range outages {
		subjects[i] = subject(outages[i].Number)
	}
	told, err := toldOf(ctx, tx, subjects)
	if err != nil {
		return err
	}
	found, err := news(outages, told)
	if err != nil {
		return err
	}
	return writeDown(ctx, tx, found)
}

func toldOf(ctx context.Context, tx pgx.Tx, subjects []string) (map[string]headend.Told, error) {
	told := map[string]headend.Told{}
	var subject string
	var t headend.Told
	rows, err := tx.Query(ctx, sqlWebhookTold, subjects)
	if err != nil {
		return nil, err
	}
	_, err = pgx.ForEachRow(rows, []any{&subject, &t.Over, &t.Face}, func() error {
		told[subject] = t
		return nil
	})
	return told, err
}

// writeDown makes deliveries of events, and remembers what was told.
func writeDown(ctx context.Context, tx pgx.Tx, news []headend.News) error {
	n := len(news)
	if n == 0 {
		return nil
	}
	kinds, messages, subjects, faces := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	bodies, over := make([][]byte, n), make([]bool, n)
	for i := range news {
		e := &news[i]
		kinds[i], messages[i], subjects[i], bodies[i], over[i], faces[i] = string(e.Event), e.Message, e.Subject, e.Body, e.Told.Over, e.Told.Face
	}
	if _, err := tx.Exec(ctx, sqlWebhookToldWrite, subjects, over, faces); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlWebhookNews, kinds, messages, subjects, bodies); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlWebhookCrowd, mostWaiting); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, sqlNotify, "webhook")
	return err
}

// TellNews writes events down that are not of outages: news gets what was told of the subjects, and says what is news.
func (s *Store) TellNews(ctx context.Context, subjects []string, news func(told map[string]headend.Told) ([]headend.News, error)) error {
	err := s.change(ctx, func(tx pgx.Tx) error {
		var revision int64
		if err := tx.QueryRow(ctx, sqlWebhookOutboxLock).Scan(&revision); err != nil {
			return err
		}
		told, err := toldOf(ctx, tx, subjects)
		if err != nil {
			return err
		}
		found, err := news(told)
		if err != nil {
			return err
		}
		return writeDown(ctx, tx, found)
	})
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}

// TakeParcels takes at most so many deliveries that are due, of each webhook so many that with those under way there are
// at most perWebhook. Nobody else takes them; an attempt that is not reported within lease is made again. next is how
// long it is until another is due, at most an hour.
func (s *Store) TakeParcels(ctx context.Context, underWay map[int64]int, perWebhook, limit int, lease time.Duration) (taken []headend.Parcel, next time.Duration, err error) {
	webhooks, busy := make([]int64, 0, len(underWay)), make([]int, 0, len(underWay))
	for w, n := range underWay {
		webhooks, busy = append(webhooks, w), append(busy, n)
	}
	err = s.change(ctx, func(tx pgx.Tx) error {
		if taken, err = list(ctx, tx, scanParcel, sqlWebhookTake, webhooks, busy, perWebhook, limit, lease.Microseconds()); err != nil {
			return err
		}
		var seconds *float64
		if err := tx.QueryRow(ctx, sqlWebhookNext).Scan(&seconds); err != nil {
			return err
		}
		next = time.Hour
		if seconds != nil {
			next = min(next, max(time.Duration(*seconds*float64(time.Second)), 0))
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("deliveries: %w", err)
	}
	return taken, next, nil
}

// ReportAttempt stores how an attempt ended. again says how long after a failure the next one is due; giveUp that there is none.
func (s *Store) ReportAttempt(ctx context.Context, a headend.Attempt, again time.Duration, giveUp bool) error {
	err := s.change(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlWebhookAttemptInsert, a.Delivery, a.Number, a.At, a.Status, a.Latency.Microseconds(), a.Failure); err != nil {
			return err
		}
		if a.Failure == "" {
			_, err := tx.Exec(ctx, sqlWebhookDelivered, a.Delivery)
			return err
		}
		_, err := tx.Exec(ctx, sqlWebhookFailed, a.Delivery, a.Number, a.Failure, again.Microseconds(), giveUp)
		return err
	})
	if err != nil {
		return fmt.Errorf("delivery: %w", err)
	}
	return nil
}

// DropDeliveries deletes deliveries that ended before a time, and what was told of subjects that were over before told.
func (s *Store) DropDeliveries(ctx context.Context, ended, told time.Time) error {
	_, err := s.pool.Exec(ctx, sqlWebhookDrop, ended)
	if err == nil {
		_, err = s.pool.Exec(ctx, sqlWebhookToldDrop, told)
	}
	if err != nil {
		return fmt.Errorf("deliveries: %w", errors.Join(err, ctx.Err()))
	}
	return nil
}

// DeliveriesWait gives a channel that gets a value after any process has written deliveries down, like OutagesChanged.
func (s *Store) DeliveriesWait() (waiting <-chan struct{}, cancel func()) { return s.webhooks.add() }

func scanParcel(row pgx.CollectableRow) (p headend.Parcel, err error) {
	var until *time.Time
	err = row.Scan(&p.Number, &p.Webhook, &p.Event, &p.Message, &p.Subject, &p.Body, &p.Created, &p.Attempts, &p.Again,
		&p.Address.URL, &p.Address.Secret, &p.Address.Former, &until)
	p.Created, p.Address.Number, p.Address.FormerUntil, p.State = p.Created.UTC(), p.Webhook, end(until), headend.DeliveryWaiting
	return p, err
}
