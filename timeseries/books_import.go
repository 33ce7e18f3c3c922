package timeseries

import (
	"context"
	"iter"
	"strconv"

	"lastgasp/headend"
)

// ImportDaySums brings in what a utility counted day by day. A day that is there is replaced. Refused are organisations
// that are not in the registry, days that stand twice, days to come, and days before which others are missing.
func (s *Store) ImportDaySums(ctx context.Context, lines iter.Seq2[headend.Line[headend.DaySum], error], options ImportOptions) (headend.Imported, error) {
	r := &registryImport{options: options, kind: registryKind{
		name: "day_sum", stage: sqlImportDaySumStage,
		columns: []string{"line", "id", "organisation", "day", "customers", "ci", "cms"},
		check:   sqlImportDaySumCheck,
		write:   []string{sqlImportDaySumWrite},
	}}
	return s.importRegistry(ctx, r, stagedRows(r, lines, func(l headend.Line[headend.DaySum]) []any {
		return []any{l.Number, l.ID, l.Row.Organisation, l.Row.Date, l.Row.Customers, l.Row.CI, l.Row.CMS}
	}))
}

// ImportTargets brings in what organisations are held to. A target that is there is replaced.
func (s *Store) ImportTargets(ctx context.Context, lines iter.Seq2[headend.Line[headend.Target], error], options ImportOptions) (headend.Imported, error) {
	r := &registryImport{options: options, kind: registryKind{
		name: "target", stage: sqlImportTargetStage,
		columns: []string{"line", "id", "organisation", "year", "index", "value"},
		check:   sqlImportUnitCheck,
		write:   []string{sqlImportTargetWrite},
	}}
	return s.importRegistry(ctx, r, stagedRows(r, lines, func(l headend.Line[headend.Target]) []any {
		t := l.Row
		return []any{l.Number, t.Organisation + " " + strconv.Itoa(t.Year) + " " + t.Index, t.Organisation, t.Year, t.Index, t.Value}
	}))
}

// ImportCustomerCounts brings in the customers that billing has. A month that is there is replaced.
func (s *Store) ImportCustomerCounts(ctx context.Context, lines iter.Seq2[headend.Line[headend.CustomerCount], error], options ImportOptions) (headend.Imported, error) {
	r := &registryImport{options: options, kind: registryKind{
		name: "customer_count", stage: sqlImportCustomerCountStage,
		columns: []string{"line", "id", "organisation", "month", "customers"},
		check:   sqlImportUnitCheck,
		write:   []string{sqlImportCustomerCountWrite},
	}}
	return s.importRegistry(ctx, r, stagedRows(r, lines, func(l headend.Line[headend.CustomerCount]) []any {
		return []any{l.Number, l.ID, l.Row.Organisation, l.Row.Month, l.Row.Customers}
	}))
}

// ImportLossTerms brings in energy balances. All lines about a unit together take the place of those it had.
func (s *Store) ImportLossTerms(ctx context.Context, lines iter.Seq2[headend.Line[headend.LossTerm], error], options ImportOptions) (headend.Imported, error) {
	r := &registryImport{options: options, kind: registryKind{
		name: "loss_term", stage: sqlImportLossTermStage,
		columns: []string{"line", "id", "side", "sign", "point", "register", "label"},
		check:   sqlImportLossTermCheck,
		write:   []string{sqlImportLossTermNew, sqlImportLossTermChanged, sqlImportLossTermGone, sqlImportLossTermWrite},
	}}
	return s.importRegistry(ctx, r, stagedRows(r, lines, func(l headend.Line[headend.LossTerm]) []any {
		t := l.Row
		return []any{l.Number, t.Unit, t.Side, int16(t.Sign), t.Point, t.Register, t.Label}
	}))
}
