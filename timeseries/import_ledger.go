package timeseries

import (
	"context"
	"iter"

	"lastgasp/headend"
)

// ImportPlans brings the calendar of planned cuts and work in. A line replaces the entry of its id; the same lines
// again change nothing. The detector takes the entries in like any evidence.
func (s *Store) ImportPlans(ctx context.Context, lines iter.Seq2[headend.Line[headend.Plan], error], options ImportOptions) (headend.Imported, error) {
	r := &registryImport{options: options, kind: registryKind{
		name: "plan", channel: "evidence", stage: sqlImportPlanStage,
		columns: []string{"line", "id", "kind", "node", "usage_points", "valid_from", "valid_to", "reason", "notice", "dropped"},
		check:   sqlImportPlanCheck,
		write:   []string{sqlImportPlanWrite},
	}}
	return s.importRegistry(ctx, r, stagedRows(r, lines, func(l headend.Line[headend.Plan]) []any {
		p := l.Row
		return []any{l.Number, p.ID, string(p.Kind), p.Node, p.UsagePoints, p.From, p.To, p.Reason, orNull(p.Notice), p.Dropped}
	}))
}

// ImportInterruptions brings the history from before the head-end into the ledger, as one revision by "import". A line
// is known by its usage point and start; one that says something else than before becomes a further version of its
// row, and the same lines again change nothing. Lines that name an outage make it, closed, with a number below 0.
func (s *Store) ImportInterruptions(ctx context.Context, lines iter.Seq2[headend.Line[headend.InterruptionRow], error], options ImportOptions) (headend.Imported, error) {
	r := &registryImport{options: options, kind: registryKind{
		name: "interruption", channel: "outage", stage: sqlImportInterruptionStage,
		columns: []string{"line", "id", "started", "ended", "outage", "cause", "phases", "planned"},
		check:   sqlImportInterruptionCheck,
		write: []string{sqlImportInterruptionLock, sqlImportInterruptionCompare, sqlImportInterruptionRevise, sqlImportInterruptionOutageNew,
			sqlImportInterruptionWrite, sqlImportInterruptionOutage},
		count: sqlImportInterruptionCount,
	}}
	return s.importRegistry(ctx, r, stagedRows(r, lines, func(l headend.Line[headend.InterruptionRow]) []any {
		i := l.Row
		return []any{l.Number, i.UsagePoint, i.Start, i.End, i.Outage, i.Cause, int16(i.Phases), i.Planned}
	}))
}
