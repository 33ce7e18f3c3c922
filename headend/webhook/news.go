package webhook

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"lastgasp/headend"
)

// envelope is the body of every delivery, as Standard Webhooks has it.
type envelope struct {
	Type      headend.WebhookEvent `json:"type"`
	Timestamp time.Time            `json:"timestamp"` // when it came to be
	Data      any                  `json:"data"`
}

// Outage is what is told of an outage: fields and names are those of /api/v1/outages.
type Outage struct {
	Number     int64      `json:"number"`
	State      string     `json:"state"`
	Node       string     `json:"node,omitempty"`
	UsagePoint string     `json:"usage_point,omitempty"`
	Part       bool       `json:"part,omitempty"`
	Phases     string     `json:"phases,omitempty"`
	Start      *time.Time `json:"start,omitempty"`
	End        *time.Time `json:"end,omitempty"`
	Cause      string     `json:"cause,omitempty"`
	Planned    bool       `json:"planned"`
	Own        bool       `json:"own"`
	Declared   bool       `json:"declared"`
	Plan       string     `json:"plan,omitempty"`
	Customers  int        `json:"customers"`
	Out        int        `json:"out"`
	Seen       int        `json:"seen"`
	Summary    string     `json:"summary"`
	Revision   int64      `json:"revision"`
	Changed    time.Time  `json:"changed"`
	Reason     string     `json:"reason,omitempty"`
}

func outageOf(o *headend.Outage) Outage {
	return Outage{Number: o.Number, State: string(o.State), Node: o.Node, UsagePoint: o.UsagePoint, Part: o.Part, Phases: o.Phases.String(), Start: moment(o.Start),
		End: moment(o.End), Cause: o.Cause, Planned: o.Planned, Own: o.Own, Declared: o.Declared, Plan: o.Plan, Customers: o.Customers, Out: o.Out, Seen: o.Seen,
		Summary: o.Summary, Revision: o.Revision, Changed: o.Changed, Reason: o.Reason}
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// subjectOf is the subject of an outage.
func subjectOf(outage int64) string { return "outage " + strconv.FormatInt(outage, 10) }

// newsOf says what is news of outages, given what was told of them. An outage that was over before anybody was told of it is
// told as closed; one that was withdrawn before that, not at all.
func newsOf(outages []headend.Outage, told map[string]headend.Told) ([]headend.News, error) {
	var out []headend.News
	for i := range outages {
		o := &outages[i]
		subject := subjectOf(o.Number)
		was, known := told[subject]
		now := headend.Told{Over: o.State == headend.OutageClosed || o.State == headend.OutageWithdrawn, Face: faceOf(o)}
		event := headend.OutageChanged
		switch {
		case known && was == now, !known && o.State == headend.OutageWithdrawn:
			continue
		case now.Over && !(known && was.Over):
			event = headend.OutageOver
		case !now.Over && (!known || was.Over):
			event = headend.OutageOpened
		}
		body, err := json.Marshal(envelope{event, o.Changed, outageOf(o)})
		if err != nil {
			return nil, fmt.Errorf("outage %d: %w", o.Number, err)
		}
		out = append(out, headend.News{Event: event, Message: messageID(subject, strconv.FormatInt(o.Revision, 10), string(event)), Subject: subject, Body: body, Told: now})
	}
	return out, nil
}

// faceOf is what is compared: that more meters bear an outage out is no news, nor is another wording.
func faceOf(o *headend.Outage) string {
	return fmt.Sprintf("%s %q %q %v %s %d %d %q %v %v %v %q %d %d", o.State, o.Node, o.UsagePoint, o.Part, o.Phases, unix(o.Start), unix(o.End), o.Cause, o.Planned,
		o.Own, o.Declared, o.Plan, o.Customers, o.Out)
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// Ping is the event that tries a webhook.
func Ping(webhook int64, now time.Time) (headend.News, error) {
	body, err := json.Marshal(envelope{headend.WebhookPing, now.UTC(), map[string]int64{"webhook": webhook}})
	if err != nil {
		return headend.News{}, fmt.Errorf("ping: %w", err)
	}
	id := messageID("ping", strconv.FormatInt(webhook, 10), now.UTC().Format(time.RFC3339Nano))
	return headend.News{Event: headend.WebhookPing, Message: id, Subject: id, Body: body}, nil // its subject is its own: it waits for nobody
}
