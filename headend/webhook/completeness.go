package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"lastgasp/headend"
)

// Reads is what a Completeness asks about read success, and where it writes news down.
type Reads interface {
	Success(ctx context.Context, f headend.SuccessFilter, organisation string) ([]headend.SuccessRow, error)
	TellNews(ctx context.Context, subjects []string, news func(told map[string]headend.Told) ([]headend.News, error)) error
}

// Completeness is the stage that tells of organisations whose meters have delivered too little of what they owed on a local
// day. It looks at the day before, once nothing of it can come in time any more; each organisation and day is told once.
type Completeness struct {
	Reads Reads
	Zone  *time.Location
	Limit float64          // percent of what was owed, late reads counted; below it is told. 0: nothing is
	After time.Duration    // how long after midnight what the day owed has been counted, and nothing of it can come in time any more
	Every time.Duration    // between two looks; 0 is 15 min
	Now   func() time.Time // nil is time.Now
	Log   *slog.Logger     // nil is slog.Default()
}

// Incomplete is what is told of an organisation's day. Expected = InTime + Late + Missing, registers.
type Incomplete struct {
	Organisation string  `json:"organisation"` // "": usage points that belong to none
	Name         string  `json:"name,omitempty"`
	Day          string  `json:"day"` // local
	Expected     int64   `json:"expected"`
	InTime       int64   `json:"in_time"`
	Late         int64   `json:"late"`
	Missing      int64   `json:"missing"`
	Percent      float64 `json:"percent"` // (in_time + late) / expected
	Limit        float64 `json:"limit"`
}

// Run looks until ctx ends. A fault is logged, and what it hid is looked at again.
func (c *Completeness) Run(ctx context.Context) error {
	if c.Limit == 0 {
		<-ctx.Done()
		return nil
	}
	def(&c.Every, 15*time.Minute)
	def(&c.Log, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	for {
		if err := c.Look(ctx, c.Now()); err != nil && ctx.Err() == nil {
			c.Log.Warn("webhooks: completeness not looked at; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look tells of the day before now, where that day is over for what may still come in time.
func (c *Completeness) Look(ctx context.Context, now time.Time) error {
	y, m, d := now.In(c.Zone).Date()
	from, to := time.Date(y, m, d-1, 0, 0, 0, 0, c.Zone), time.Date(y, m, d, 0, 0, 0, 0, c.Zone)
	if now.Before(to.Add(c.After)) {
		return nil
	}
	found, err := c.Reads.Success(ctx, headend.SuccessFilter{By: "organisation", Whole: true, From: from, To: to, Pending: to}, "")
	if err != nil {
		return err
	}
	var low []Incomplete
	var subjects []string
	for _, r := range found {
		if got := 100 * float64(r.InTime+r.Late); r.Expected > 0 && got < c.Limit*float64(r.Expected) {
			low = append(low, Incomplete{Organisation: r.Key, Name: r.Name, Day: from.Format(time.DateOnly), Expected: r.Expected, InTime: r.InTime, Late: r.Late,
				Missing: r.Expected - r.InTime - r.Late, Percent: got / float64(r.Expected), Limit: c.Limit})
			subjects = append(subjects, "completeness "+r.Key)
		}
	}
	if len(low) == 0 {
		return nil
	}
	return c.Reads.TellNews(ctx, subjects, func(told map[string]headend.Told) ([]headend.News, error) {
		return newsOfReads(low, subjects, told, now)
	})
}

// newsOfReads leaves out what was told already. A day stays told though late reads go on to change its figures.
func newsOfReads(low []Incomplete, subjects []string, told map[string]headend.Told, now time.Time) ([]headend.News, error) {
	var news []headend.News
	for i := range low {
		was := told[subjects[i]]
		if was.Face >= low[i].Day { // days compare as texts
			continue
		}
		body, err := json.Marshal(envelope{headend.CompletenessLow, now.UTC(), low[i]})
		if err != nil {
			return nil, fmt.Errorf("completeness of %s: %w", low[i].Organisation, err)
		}
		news = append(news, headend.News{Event: headend.CompletenessLow, Message: messageID(subjects[i], low[i].Day), Subject: subjects[i], Body: body,
			Told: headend.Told{Face: low[i].Day}})
	}
	return news, nil
}
