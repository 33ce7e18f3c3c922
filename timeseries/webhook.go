package timeseries

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Webhooks lists at most so many webhooks by number, after one of them.
func (s *Store) Webhooks(ctx context.Context, after int64, limit int) (found []headend.Webhook, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanWebhook, picked(sqlWebhookSelect, pick{"list", sqlWebhookList}), after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	return found, nil
}

// Webhook is one webhook, or *headend.Unknown.
func (s *Store) Webhook(ctx context.Context, number int64) (w headend.Webhook, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		w, err = webhookOf(ctx, tx, number, "")
		return err
	})
	if err != nil {
		return headend.Webhook{}, fmt.Errorf("webhook: %w", err)
	}
	return w, nil
}

func webhookOf(ctx context.Context, tx pgx.Tx, number int64, lock string) (headend.Webhook, error) {
	found, err := list(ctx, tx, scanWebhook, picked(sqlWebhookSelect, pick{"one", sqlWebhookOne + lock}), number)
	if err == nil && len(found) == 0 {
		err = unknownWebhook(number)
	}
	if err != nil {
		return headend.Webhook{}, err
	}
	return found[0], nil
}

func unknownWebhook(number int64) error {
	return &headend.Unknown{What: "webhook", ID: strconv.FormatInt(number, 10)}
}

// AddWebhook stores a new webhook and returns it with its number.
func (s *Store) AddWebhook(ctx context.Context, w headend.Webhook) (headend.Webhook, error) {
	err := s.change(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, sqlWebhookInsert, w.URL, texts(w.Events), w.Description, w.Enabled, w.Secret).Scan(&w.Number); err != nil {
			return err
		}
		var err error
		if w, err = webhookOf(ctx, tx, w.Number, ""); err != nil {
			return err
		}
		return audit(ctx, tx, webhookTarget(w.Number), nil, auditedWebhook(&w))
	})
	if err != nil {
		return headend.Webhook{}, fmt.Errorf("webhook: %w", err)
	}
	return w, nil
}

// ChangeWebhook lets change alter what is stored of a webhook, and returns it as it is then; nobody else changes it
// meanwhile. It returns *headend.Unknown where there is none, and the error of change.
func (s *Store) ChangeWebhook(ctx context.Context, number int64, change func(w *headend.Webhook) error) (w headend.Webhook, err error) {
	var refused error
	err = s.change(ctx, func(tx pgx.Tx) error {
		if w, err = webhookOf(ctx, tx, number, " FOR UPDATE OF w"); err != nil {
			return err
		}
		before := w
		if refused = change(&w); refused != nil {
			return refused
		}
		if _, err := tx.Exec(ctx, sqlWebhookUpdate, number, w.URL, texts(w.Events), w.Description, w.Enabled, w.Secret, w.Former, orNull(w.FormerUntil)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlNotify, "webhook"); err != nil {
			return err
		}
		if w, err = webhookOf(ctx, tx, number, ""); err != nil {
			return err
		}
		return audit(ctx, tx, webhookTarget(number), auditedWebhook(&before), auditedWebhook(&w))
	})
	if refused != nil {
		return headend.Webhook{}, refused
	}
	if err != nil {
		return headend.Webhook{}, fmt.Errorf("webhook: %w", err)
	}
	return w, nil
}

// DropWebhook deletes a webhook with its deliveries. It returns *headend.Unknown where there is none.
func (s *Store) DropWebhook(ctx context.Context, number int64) error {
	err := s.change(ctx, func(tx pgx.Tx) error {
		before, err := webhookOf(ctx, tx, number, " FOR UPDATE OF w")
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlWebhookDelete, number); err != nil {
			return err
		}
		return audit(ctx, tx, webhookTarget(number), auditedWebhook(&before), nil)
	})
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	return nil
}

func webhookTarget(number int64) string { return fmt.Sprintf("webhooks/%d", number) }

// auditedWebhook is what the trail shows of a webhook: of its secret when another one came, so that a new one shows.
func auditedWebhook(w *headend.Webhook) any {
	return struct {
		Number      int64                  `json:"number"`
		URL         string                 `json:"url"`
		Events      []headend.WebhookEvent `json:"events"`
		Description string                 `json:"description,omitempty"`
		Enabled     bool                   `json:"enabled"`
		FormerUntil *time.Time             `json:"former_secret_until,omitempty"`
	}{w.Number, w.URL, w.Events, w.Description, w.Enabled, orNull(w.FormerUntil)}
}

// Deliveries lists at most so many deliveries of a webhook below a number, newest first; state "" is any. It returns
// *headend.Unknown where there is no such webhook.
func (s *Store) Deliveries(ctx context.Context, webhook int64, state headend.DeliveryState, before int64, limit int) (found []headend.Delivery, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		if _, err := webhookOf(ctx, tx, webhook, ""); err != nil {
			return err
		}
		found, err = list(ctx, tx, scanDelivery, picked(sqlWebhookDeliverySelect, pick{"list", sqlWebhookDeliveryList}), webhook, before, string(state), limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	return found, nil
}

// Delivery is one delivery of a webhook with its attempts, or *headend.Unknown.
func (s *Store) Delivery(ctx context.Context, webhook, number int64) (d headend.Delivery, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		if d, err = deliveryOf(ctx, tx, webhook, number); err != nil {
			return err
		}
		d.Log, err = list(ctx, tx, scanAttempt, sqlWebhookAttemptList, number)
		return err
	})
	if err != nil {
		return headend.Delivery{}, fmt.Errorf("delivery: %w", err)
	}
	return d, nil
}

func deliveryOf(ctx context.Context, tx pgx.Tx, webhook, number int64) (headend.Delivery, error) {
	found, err := list(ctx, tx, scanDelivery, picked(sqlWebhookDeliverySelect, pick{"one", sqlWebhookDeliveryOne}), webhook, number)
	if err == nil && len(found) == 0 {
		err = &headend.Unknown{What: "delivery", ID: strconv.FormatInt(number, 10)}
	}
	if err != nil {
		return headend.Delivery{}, err
	}
	return found[0], nil
}

// Redeliver writes a delivery down once more, and returns the new one; or *headend.Unknown.
func (s *Store) Redeliver(ctx context.Context, webhook, number int64) (headend.Delivery, error) {
	return s.deliver(ctx, webhook, &headend.Unknown{What: "delivery", ID: strconv.FormatInt(number, 10)}, sqlWebhookAgain, webhook, number)
}

// Ping writes an event down for one webhook, whatever events it chose, and returns its delivery; or *headend.Unknown.
func (s *Store) Ping(ctx context.Context, webhook int64, n headend.News) (headend.Delivery, error) {
	return s.deliver(ctx, webhook, unknownWebhook(webhook), sqlWebhookPing, webhook, string(n.Event), n.Message, n.Subject, n.Body)
}

func (s *Store) deliver(ctx context.Context, webhook int64, unknown error, sql string, args ...any) (d headend.Delivery, err error) {
	err = s.change(ctx, func(tx pgx.Tx) error {
		var number int64
		switch err := tx.QueryRow(ctx, sql, args...).Scan(&number); {
		case errors.Is(err, pgx.ErrNoRows):
			return unknown
		case err != nil:
			return err
		}
		if d, err = deliveryOf(ctx, tx, webhook, number); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlNotify, "webhook"); err != nil {
			return err
		}
		return audit(ctx, tx, "", nil, map[string]any{"delivery": d.Number, "event": d.Event, "message": d.Message, "again": d.Again})
	})
	if err != nil {
		return headend.Delivery{}, fmt.Errorf("delivery: %w", err)
	}
	return d, nil
}

func texts(events []headend.WebhookEvent) []string {
	out := make([]string, len(events))
	for i, e := range events {
		out[i] = string(e)
	}
	return out
}

func scanWebhook(row pgx.CollectableRow) (w headend.Webhook, err error) {
	var events []string
	var until, delivered *time.Time
	err = row.Scan(&w.Number, &w.URL, &events, &w.Description, &w.Enabled, &w.Created, &w.Changed, &w.Secret, &w.Former, &until, &w.Waiting, &w.GaveUp, &delivered)
	for _, e := range events {
		w.Events = append(w.Events, headend.WebhookEvent(e))
	}
	w.Created, w.Changed, w.FormerUntil, w.Delivered = w.Created.UTC(), w.Changed.UTC(), end(until), end(delivered)
	return w, err
}

func scanDelivery(row pgx.CollectableRow) (d headend.Delivery, err error) {
	var ended *time.Time
	err = row.Scan(&d.Number, &d.Webhook, &d.Event, &d.Message, &d.Subject, &d.Body, &d.Created, &d.State, &d.Attempts, &d.Due, &ended, &d.Again, &d.Reason)
	d.Created, d.Due, d.Ended = d.Created.UTC(), d.Due.UTC(), end(ended)
	return d, err
}

func scanAttempt(row pgx.CollectableRow) (a headend.Attempt, err error) {
	var micros int64
	err = row.Scan(&a.Delivery, &a.Number, &a.At, &a.Status, &micros, &a.Failure)
	a.At, a.Latency = a.At.UTC(), time.Duration(micros)*time.Microsecond
	return a, err
}
