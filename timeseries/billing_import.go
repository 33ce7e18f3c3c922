package timeseries

import (
	"context"
	"iter"
	"time"

	"lastgasp/headend"
)

// ImportMeterTypes brings in how the meters of a model are built and what they owe. A model that is there is replaced.
func (s *Store) ImportMeterTypes(ctx context.Context, lines iter.Seq2[headend.Line[headend.MeterType], error], options ImportOptions) (headend.Imported, error) {
	r := &registryImport{options: options, kind: registryKind{
		name: "meter_type", stage: sqlImportMeterTypeStage,
		columns: []string{"line", "id", "digits", "unit_wh", "max_w", "every", "calendar", "tolerance", "registers", "nominal_v", "rated_a"},
		check:   sqlImportTwiceCheck,
		write:   []string{sqlImportMeterTypeWrite},
	}}
	return s.importRegistry(ctx, r, stagedRows(r, lines, func(l headend.Line[headend.MeterType]) []any {
		t := l.Row
		return []any{l.Number, t.Model, int16(t.Digits), t.UnitWh, t.MaxW, int32(t.Every / time.Second), t.Calendar, int32(t.Tolerance / time.Second), textsOf(t.Registers), t.NominalV, t.RatedA}
	}))
}

// ImportMultipliers brings in ratios of transformers. All lines about a usage point together take the place of those it had.
func (s *Store) ImportMultipliers(ctx context.Context, lines iter.Seq2[headend.Line[headend.Multiplier], error], options ImportOptions) (headend.Imported, error) {
	r := &registryImport{options: options, kind: registryKind{
		name: "multiplier", stage: sqlImportMultiplierStage,
		columns: []string{"line", "id", "numerator", "denominator", "valid_from", "valid_to"},
		check:   sqlImportMultiplierCheck,
		write:   []string{sqlImportMultiplierNew, sqlImportMultiplierChanged, sqlImportMultiplierGone, sqlImportMultiplierWrite},
	}}
	return s.importRegistry(ctx, r, stagedRows(r, lines, func(l headend.Line[headend.Multiplier]) []any {
		return []any{l.Number, l.Row.UsagePoint, l.Row.Numerator, l.Row.Denominator, validFrom(l.Row.From), validTo(l.Row.To)}
	}))
}

// ImportNotedRegisters brings in registers that were read from dials. One that is there is replaced. Refused are devices
// that are not there, and times at which none of their installations begins or ends.
func (s *Store) ImportNotedRegisters(ctx context.Context, lines iter.Seq2[headend.Line[headend.NotedRegister], error], options ImportOptions) (headend.Imported, error) {
	r := &registryImport{options: options, kind: registryKind{
		name: "noted_register", stage: sqlImportNotedStage,
		columns: []string{"line", "id", "device", "time", "quantity", "wh"},
		check:   sqlImportNotedCheck,
		write:   []string{sqlImportNotedWrite},
	}}
	return s.importRegistry(ctx, r, stagedRows(r, lines, func(l headend.Line[headend.NotedRegister]) []any {
		n := l.Row
		return []any{l.Number, l.ID, string(n.Device), n.Time, string(n.Quantity), n.Wh}
	}))
}

// ImportLoadProfiles brings in load profiles. All lines about a class together take the place of what it had. Refused are classes of which
// a slot is missing, stands twice or does not begin where another ends, and those without any energy.
func (s *Store) ImportLoadProfiles(ctx context.Context, lines iter.Seq2[headend.Line[headend.LoadProfileSlot], error], options ImportOptions) (headend.Imported, error) {
	r := &registryImport{options: options, kind: registryKind{
		name: "load_profile", stage: sqlImportLoadProfileStage,
		columns: []string{"line", "id", "day", "minute", "share"},
		check:   sqlImportLoadProfileCheck,
		write:   []string{sqlImportLoadProfileNew, sqlImportLoadProfileChanged, sqlImportLoadProfileGone, sqlImportLoadProfileWrite},
	}}
	return s.importRegistry(ctx, r, stagedRows(r, lines, func(l headend.Line[headend.LoadProfileSlot]) []any {
		return []any{l.Number, l.Row.Class, l.Row.Day, int16(l.Row.From / time.Minute), l.Row.Share}
	}))
}

// textsOf are names as the database takes them.
func textsOf[T ~string](names []T) []string {
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = string(n)
	}
	return texts
}
