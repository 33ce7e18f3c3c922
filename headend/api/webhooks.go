package api

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Webhooks is what the API asks about webhooks. Errors as in Store.
type Webhooks interface {
	Webhooks(ctx context.Context, after int64, limit int) ([]headend.Webhook, error)
	Webhook(ctx context.Context, number int64) (headend.Webhook, error)
	AddWebhook(ctx context.Context, w headend.Webhook) (headend.Webhook, error)
	ChangeWebhook(ctx context.Context, number int64, change func(w *headend.Webhook) error) (headend.Webhook, error)
	DropWebhook(ctx context.Context, number int64) error
	Deliveries(ctx context.Context, webhook int64, state headend.DeliveryState, before int64, limit int) ([]headend.Delivery, error)
	Delivery(ctx context.Context, webhook, number int64) (headend.Delivery, error)
	Redeliver(ctx context.Context, webhook, number int64) (headend.Delivery, error)
	// Ping writes an event down for one webhook.
	Ping(ctx context.Context, webhook int64, n headend.News) (headend.Delivery, error)
}

// WebhookRules is what the API needs to know of how deliveries are made.
type WebhookRules interface {
	Check(url string) error                                     // nil, or why this address is not called
	Secret(url string) (shown string, sealed []byte, err error) // a new one, for an address
	Reseal(sealed []byte, from, to string) ([]byte, error)      // for another address
	Ping(webhook int64, now time.Time) (headend.News, error)
}

// Webhook is an address of another system that is told of events.
type Webhook struct {
	Number      int64      `json:"number" example:"3"`
	URL         string     `json:"url" example:"https://oms.example.com/hooks/lastgasp"`
	Events      []string   `json:"events" nullable:"false" enum:"outage.opened,outage.changed,outage.closed,completeness.low"`
	Description string     `json:"description,omitempty" example:"Outage management"`
	Enabled     bool       `json:"enabled" doc:"false: deliveries wait, and nothing new is written down for it"`
	Created     time.Time  `json:"created"`
	Changed     time.Time  `json:"changed"`
	Waiting     int        `json:"waiting" doc:"deliveries that are not at an end"`
	GaveUp      int        `json:"gave_up" doc:"deliveries given up in the last 24 hours"`
	Delivered   *time.Time `json:"delivered,omitempty" doc:"the last success; absent: none yet"`
}

// WebhookSecret is a webhook with its secret, which is shown this once.
type WebhookSecret struct {
	Webhook
	Secret string `json:"secret" doc:"what deliveries are signed with (Standard Webhooks 1.0); it is not shown again" example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="`
}

// WebhookPost is what is entered.
type WebhookPost struct {
	URL         string   `json:"url" maxLength:"2048" doc:"https, at a public address unless webhooks.allow in the configuration says otherwise" example:"https://oms.example.com/hooks/lastgasp"`
	Events      []string `json:"events" minItems:"1" maxItems:"16" uniqueItems:"true" enum:"outage.opened,outage.changed,outage.closed,completeness.low" example:"[\"outage.opened\",\"outage.closed\"]"`
	Description string   `json:"description,omitempty" maxLength:"200" example:"Outage management"`
	Enabled     *bool    `json:"enabled,omitempty" doc:"default: true"`
}

// WebhookPatch is what is changed; what is absent stays as it is.
type WebhookPatch struct {
	URL         *string  `json:"url,omitempty" maxLength:"2048" example:"https://oms.example.com/hooks/lastgasp"`
	Events      []string `json:"events,omitempty" minItems:"1" maxItems:"16" uniqueItems:"true" enum:"outage.opened,outage.changed,outage.closed,completeness.low"`
	Description *string  `json:"description,omitempty" maxLength:"200"`
	Enabled     *bool    `json:"enabled,omitempty" example:"false"`
}

// Delivery is one event on its way to one webhook.
type Delivery struct {
	Number   int64      `json:"number" example:"812"`
	Event    string     `json:"event" example:"outage.opened"`
	Message  string     `json:"message" doc:"webhook-id of its requests: the same at every attempt, for every webhook, and when it is repeated by hand"`
	Subject  string     `json:"subject" doc:"of one subject the earlier delivery goes first" example:"outage 17"`
	State    string     `json:"state" enum:"waiting,delivered,given_up"`
	Attempts int        `json:"attempts" doc:"begun so far"`
	Created  time.Time  `json:"created"`
	Due      *time.Time `json:"due,omitempty" doc:"of the next attempt; absent: there is none"`
	Ended    *time.Time `json:"ended,omitempty"`
	Again    int64      `json:"again,omitempty" doc:"the delivery that this one repeats by hand"`
	Reason   string     `json:"reason,omitempty" doc:"of the last failure" example:"it answered 503"`
}

// DeliveryDetail is a delivery with what was sent and how its attempts went.
type DeliveryDetail struct {
	Delivery
	Body json.RawMessage `json:"body" doc:"as it is sent"`
	Log  []Attempt       `json:"log" nullable:"false" doc:"oldest first"`
}

// Attempt is one try of a delivery.
type Attempt struct {
	Number    int       `json:"number"`
	At        time.Time `json:"at"`
	Status    int       `json:"status,omitempty" doc:"of the answer; absent: there was none" example:"200"`
	LatencyMS float64   `json:"latency_ms" doc:"until the answer, or the failure" example:"38.2"`
	Failure   string    `json:"failure,omitempty" doc:"absent: it arrived"`
}

// ByNumber is the parameter of what has a number.
type ByNumber struct {
	Number int64 `path:"number" minimum:"1"`
}

type deliveriesInput struct {
	ByNumber
	Paging
	State string `query:"state" enum:"waiting,delivered,given_up" doc:"default: any"`
}

type deliveryInput struct {
	ByNumber
	Delivery int64 `path:"delivery" minimum:"1"`
}

type webhookPostInput struct{ Body WebhookPost }

type webhookPatchInput struct {
	ByNumber
	Body WebhookPatch
}

func (a *API) registerWebhooks(h huma.API) {
	tags := []string{"webhooks"}
	const one = "/api/v1/webhooks/{number}"
	huma.Register(h, huma.Operation{OperationID: "list-webhooks", Method: http.MethodGet, Path: "/api/v1/webhooks",
		Summary: "Addresses of other systems that are told of events, by number", Tags: tags}, a.webhooks)
	huma.Register(h, huma.Operation{OperationID: "get-webhook", Method: http.MethodGet, Path: one, Summary: "A webhook and how it fares", Tags: tags}, a.webhook)
	huma.Register(h, huma.Operation{OperationID: "add-webhook", Method: http.MethodPost, Path: "/api/v1/webhooks", DefaultStatus: http.StatusCreated,
		Summary: "Tell another system of events; the answer shows the secret, this once", Tags: tags}, a.addWebhook)
	huma.Register(h, huma.Operation{OperationID: "change-webhook", Method: http.MethodPatch, Path: one,
		Summary: "Change a webhook's address, events or description, or switch it off and on", Tags: tags}, a.changeWebhook)
	huma.Register(h, huma.Operation{OperationID: "drop-webhook", Method: http.MethodDelete, Path: one,
		Summary: "Delete a webhook with its deliveries", Tags: tags}, a.dropWebhook)
	huma.Register(h, huma.Operation{OperationID: "renew-webhook-secret", Method: http.MethodPost, Path: one + "/secret",
		Summary: "Give a webhook another secret, shown this once; for a day the former one signs too", Tags: tags}, a.renewSecret)
	huma.Register(h, huma.Operation{OperationID: "ping-webhook", Method: http.MethodPost, Path: one + "/ping", DefaultStatus: http.StatusAccepted,
		Summary: "Send a webhook an event of type ping, to try it", Tags: tags}, a.pingWebhook)
	huma.Register(h, huma.Operation{OperationID: "list-deliveries", Method: http.MethodGet, Path: one + "/deliveries",
		Summary: "Deliveries of a webhook, newest first; those that ended are kept for 30 days", Tags: tags}, a.deliveries)
	huma.Register(h, huma.Operation{OperationID: "get-delivery", Method: http.MethodGet, Path: one + "/deliveries/{delivery}",
		Summary: "A delivery: what is sent, and how each attempt went", Tags: tags}, a.delivery)
	huma.Register(h, huma.Operation{OperationID: "redeliver", Method: http.MethodPost, Path: one + "/deliveries/{delivery}/redeliver", DefaultStatus: http.StatusAccepted,
		Summary: "Send a delivery once more, as a new one with the same message", Tags: tags}, a.redeliver)
}

func (a *API) webhooks(ctx context.Context, in *Paging) (*PageOf[Webhook], error) {
	var after int64
	if err := in.begin("webhooks", &after); err != nil {
		return nil, err
	}
	found, err := a.options.Webhooks.Webhooks(ctx, after, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return page("webhooks", *in, found, webhookOf, func(w headend.Webhook) any { return w.Number }), nil
}

func (a *API) webhook(ctx context.Context, in *ByNumber) (*struct{ Body Webhook }, error) {
	w, err := a.options.Webhooks.Webhook(ctx, in.Number)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &struct{ Body Webhook }{webhookOf(w)}, nil
}

func (a *API) addWebhook(ctx context.Context, in *webhookPostInput) (*struct{ Body WebhookSecret }, error) {
	w := headend.Webhook{URL: in.Body.URL, Events: eventsOf(in.Body.Events), Description: in.Body.Description, Enabled: in.Body.Enabled == nil || *in.Body.Enabled}
	if err := a.checkWebhook(&w); err != nil {
		return nil, err
	}
	shown, sealed, err := a.options.WebhookRules.Secret(w.URL)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	w.Secret = sealed
	if w, err = a.options.Webhooks.AddWebhook(ctx, w); err != nil {
		return nil, a.problem(ctx, err)
	}
	return &struct{ Body WebhookSecret }{WebhookSecret{webhookOf(w), shown}}, nil
}

func (a *API) checkWebhook(w *headend.Webhook) error {
	if err := a.options.WebhookRules.Check(w.URL); err != nil {
		return invalid("body.url", w.URL, err.Error())
	}
	if !isLine(w.Description) {
		return invalid("body.description", w.Description, "control characters, or no UTF-8")
	}
	return nil
}

func (a *API) changeWebhook(ctx context.Context, in *webhookPatchInput) (*struct{ Body Webhook }, error) {
	w, err := a.options.Webhooks.ChangeWebhook(ctx, in.Number, func(w *headend.Webhook) error {
		former := w.URL
		if in.Body.URL != nil {
			w.URL = *in.Body.URL
		}
		if in.Body.Events != nil {
			w.Events = eventsOf(in.Body.Events)
		}
		if in.Body.Description != nil {
			w.Description = *in.Body.Description
		}
		if in.Body.Enabled != nil {
			w.Enabled = *in.Body.Enabled
		}
		if err := a.checkWebhook(w); err != nil {
			return err
		}
		return a.reseal(w, former)
	})
	if err != nil {
		return nil, a.asAnswer(ctx, err)
	}
	return &struct{ Body Webhook }{webhookOf(w)}, nil
}

// reseal seals the secrets of a webhook for its new address.
func (a *API) reseal(w *headend.Webhook, former string) (err error) {
	if w.URL == former {
		return nil
	}
	if w.Secret, err = a.options.WebhookRules.Reseal(w.Secret, former, w.URL); err == nil && w.Former != nil {
		w.Former, err = a.options.WebhookRules.Reseal(w.Former, former, w.URL)
	}
	return err
}

// asAnswer is an error that may be an answer already.
func (a *API) asAnswer(ctx context.Context, err error) error {
	if answer, ok := err.(huma.StatusError); ok {
		return answer
	}
	return a.problem(ctx, err)
}

func (a *API) dropWebhook(ctx context.Context, in *ByNumber) (*struct{}, error) {
	if err := a.options.Webhooks.DropWebhook(ctx, in.Number); err != nil {
		return nil, a.problem(ctx, err)
	}
	return nil, nil
}

// formerSecretSigns is for how long the secret before signs too, so that the receiver can change over without loss.
const formerSecretSigns = 24 * time.Hour

func (a *API) renewSecret(ctx context.Context, in *ByNumber) (*struct{ Body WebhookSecret }, error) {
	var shown string
	w, err := a.options.Webhooks.ChangeWebhook(ctx, in.Number, func(w *headend.Webhook) (err error) {
		w.Former, w.FormerUntil = w.Secret, time.Now().Add(formerSecretSigns)
		shown, w.Secret, err = a.options.WebhookRules.Secret(w.URL)
		return err
	})
	if err != nil {
		return nil, a.asAnswer(ctx, err)
	}
	return &struct{ Body WebhookSecret }{WebhookSecret{webhookOf(w), shown}}, nil
}

func (a *API) pingWebhook(ctx context.Context, in *ByNumber) (*struct{ Body Delivery }, error) {
	n, err := a.options.WebhookRules.Ping(in.Number, time.Now())
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return a.newDelivery(ctx)(a.options.Webhooks.Ping(ctx, in.Number, n))
}

func (a *API) redeliver(ctx context.Context, in *deliveryInput) (*struct{ Body Delivery }, error) {
	return a.newDelivery(ctx)(a.options.Webhooks.Redeliver(ctx, in.Number, in.Delivery))
}

func (a *API) newDelivery(ctx context.Context) func(d headend.Delivery, err error) (*struct{ Body Delivery }, error) {
	return func(d headend.Delivery, err error) (*struct{ Body Delivery }, error) {
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return &struct{ Body Delivery }{deliveryOf(d)}, nil
	}
}

func (a *API) deliveries(ctx context.Context, in *deliveriesInput) (*PageOf[Delivery], error) {
	before := int64(math.MaxInt64)
	if err := in.begin("deliveries", &before); err != nil {
		return nil, err
	}
	found, err := a.options.Webhooks.Deliveries(ctx, in.Number, headend.DeliveryState(in.State), before, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return page("deliveries", in.Paging, found, deliveryOf, func(d headend.Delivery) any { return d.Number }), nil
}

func (a *API) delivery(ctx context.Context, in *deliveryInput) (*struct{ Body DeliveryDetail }, error) {
	d, err := a.options.Webhooks.Delivery(ctx, in.Number, in.Delivery)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := DeliveryDetail{Delivery: deliveryOf(d), Body: d.Body, Log: []Attempt{}}
	for _, t := range d.Log {
		out.Log = append(out.Log, Attempt{Number: t.Number, At: t.At, Status: t.Status, LatencyMS: float64(t.Latency.Microseconds()) / 1e3, Failure: t.Failure})
	}
	return &struct{ Body DeliveryDetail }{out}, nil
}

func eventsOf(words []string) []headend.WebhookEvent {
	var out []headend.WebhookEvent
	for _, e := range headend.WebhookEvents() {
		if slices.Contains(words, string(e)) {
			out = append(out, e)
		}
	}
	return out
}

func webhookOf(w headend.Webhook) Webhook {
	out := Webhook{Number: w.Number, URL: w.URL, Events: []string{}, Description: w.Description, Enabled: w.Enabled, Created: w.Created, Changed: w.Changed,
		Waiting: w.Waiting, GaveUp: w.GaveUp, Delivered: moment(w.Delivered)}
	for _, e := range w.Events {
		out.Events = append(out.Events, string(e))
	}
	return out
}

func deliveryOf(d headend.Delivery) Delivery {
	out := Delivery{Number: d.Number, Event: string(d.Event), Message: d.Message, Subject: d.Subject, State: string(d.State), Attempts: d.Attempts, Created: d.Created,
		Ended: moment(d.Ended), Again: d.Again, Reason: d.Reason}
	if d.State == headend.DeliveryWaiting {
		out.Due = moment(d.Due)
	}
	return out
}
