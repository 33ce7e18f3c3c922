package main

import (
	"context"
	"errors"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability/books"
)

// bookAnswers lets the API ask the books.
type bookAnswers struct{ office *books.Office }

// Reliability implements api.Books, as the methods below do.
func (b bookAnswers) Reliability(ctx context.Context, q headend.ReportRequest) (any, error) {
	return b.office.Report(ctx, q)
}

func (b bookAnswers) CountedInterruptions(ctx context.Context, q headend.ReportRequest, first uint32, limit int) (any, error) {
	return b.office.Interruptions(ctx, q, first, limit)
}

func (b bookAnswers) Losses(ctx context.Context, q headend.ReportRequest) (any, error) {
	return b.office.Losses(ctx, q)
}

func (b bookAnswers) ServiceIndicators(ctx context.Context, q headend.ReportRequest) (any, error) {
	return b.office.Service(ctx, q)
}

func (b bookAnswers) ClosedPeriods(ctx context.Context, organisation string, month time.Time, policy string, number int) ([]headend.ClosedPeriod, error) {
	return b.office.Closed(ctx, organisation, month, policy, number)
}

func (b bookAnswers) ClosePeriod(ctx context.Context, p headend.ClosedPeriod) (headend.ClosedPeriod, error) {
	closed, err := b.office.Close(ctx, books.Closing{Organisation: p.Organisation, Month: p.Month, Policy: p.Policy, By: p.By, Reason: p.Reason})
	var unchanged *books.Unchanged
	if errors.As(err, &unchanged) {
		return closed, &headend.BadRequest{Reason: unchanged.Error()}
	}
	return closed, err
}
