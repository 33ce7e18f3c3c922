package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Quarantined is a message, or a part of one, that could not be used.
type Quarantined struct {
	Number   int64      `json:"number"`
	Received time.Time  `json:"received"`
	Device   string     `json:"device,omitempty"`
	Protocol string     `json:"protocol"`
	Address  string     `json:"address" doc:"topic or register range"`
	Reason   string     `json:"reason" example:"malformed"`
	Detail   string     `json:"detail,omitempty"`
	Replayed *time.Time `json:"replayed,omitempty" doc:"when it was decoded and stored after all"`
	Bytes    int        `json:"bytes" doc:"length of the whole message"`
	Raw      []byte     `json:"raw" doc:"base64; in lists at most the first 1,024 bytes"`
	Text     string     `json:"text,omitempty" doc:"raw as text, where it is text"`
}

// Replayed says what came of a replay.
type Replayed struct {
	Number   int64     `json:"number"`
	Replayed time.Time `json:"replayed"`
}

type quarantineInput struct {
	Paging
	Reason   string `query:"reason" maxLength:"64" doc:"class of the fault, such as malformed"`
	Device   string `query:"device" maxLength:"128"`
	Replayed bool   `query:"replayed" doc:"true: also what has been replayed"`
}

type numberInput struct {
	Number int64 `path:"number" minimum:"1"`
}

func (a *API) registerQuarantine(h huma.API) {
	tags := []string{"quarantine"}
	huma.Register(h, huma.Operation{OperationID: "list-quarantine", Method: http.MethodGet, Path: "/api/v1/quarantine",
		Summary: "Messages that could not be used, newest first", Tags: tags}, a.quarantine)
	huma.Register(h, huma.Operation{OperationID: "get-quarantined", Method: http.MethodGet, Path: "/api/v1/quarantine/{number}",
		Summary: "A message that could not be used, whole", Tags: tags}, a.quarantined)
	huma.Register(h, huma.Operation{OperationID: "replay-quarantined", Method: http.MethodPost, Path: "/api/v1/quarantine/{number}/replay",
		Summary: "Decode a message again, after a fix, and store what it says", Tags: tags}, a.replay)
}

func (a *API) quarantine(ctx context.Context, in *quarantineInput) (*PageOf[Quarantined], error) {
	before := int64(math.MaxInt64)
	if err := in.begin("quarantine", &before); err != nil {
		return nil, err
	}
	found, err := a.options.Store.QuarantineList(ctx, headend.QuarantineFilter{Reason: headend.Reason(in.Reason),
		Device: headend.DeviceID(in.Device), Replayed: in.Replayed}, before, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return page("quarantine", in.Paging, found, quarantinedOf, func(q headend.Quarantined) any { return q.Number }), nil
}

func (a *API) quarantined(ctx context.Context, in *numberInput) (*struct{ Body Quarantined }, error) {
	q, err := a.options.Store.Quarantined(ctx, in.Number)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &struct{ Body Quarantined }{quarantinedOf(q)}, nil
}

func (a *API) replay(ctx context.Context, in *numberInput) (*struct{ Body Replayed }, error) {
	q, err := a.options.Store.Quarantined(ctx, in.Number)
	switch {
	case err != nil:
		return nil, a.problem(ctx, err)
	case !q.Replayed.IsZero():
		return nil, huma.Error409Conflict("it was replayed at " + q.Replayed.Format(time.RFC3339))
	case a.options.Replayer == nil:
		return nil, huma.Error501NotImplemented("this head-end replays nothing")
	}
	refused, err := a.options.Replayer.Replay(ctx, q)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	if len(refused) > 0 {
		details := make([]error, len(refused))
		for i, r := range refused {
			details[i] = &huma.ErrorDetail{Location: q.Source.Address, Value: string(r.Reason), Message: r.Error()}
		}
		return nil, huma.Error422UnprocessableEntity("it still cannot be used: "+refused[0].Error(), details...)
	}
	if err := a.options.Store.MarkReplayed(ctx, in.Number); err != nil {
		return nil, a.problem(ctx, fmt.Errorf("stored, but not marked: %w", err))
	}
	return &struct{ Body Replayed }{Replayed{Number: in.Number, Replayed: time.Now().UTC()}}, nil
}

func quarantinedOf(q headend.Quarantined) Quarantined {
	out := Quarantined{Number: q.Number, Received: q.Received, Device: string(q.Device), Protocol: q.Source.Protocol, Address: q.Source.Address,
		Reason: string(q.Refusal.Reason), Detail: q.Refusal.Detail, Replayed: moment(q.Replayed), Bytes: q.Bytes, Raw: q.Raw}
	if isText(q.Raw) {
		out.Text = string(q.Raw)
	}
	return out
}

func isText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, r := range string(b) {
		if !unicode.IsPrint(r) && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
	}
	return true
}
