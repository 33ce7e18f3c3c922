package timeseries

import (
	"context"
	"iter"

	"lastgasp/headend"
)

// ImportOrganisations brings organisations in. A changed attribute with a later From closes the former
// version and opens a new one; the same From replaces that version. The same lines again change nothing.
func (s *Store) ImportOrganisations(ctx context.Context, lines iter.Seq2[headend.Line[headend.Organisation], error], options ImportOptions) (headend.Imported, error) {
	r := &registryImport{options: options, kind: registryKind{
		name: "organisation", stage: sqlImportOrganisationStage,
		columns: []string{"line", "id", "name", "kind", "parent", "valid_from", "valid_to"},
		check:   sqlImportOrganisationCheck,
		write:   []string{sqlImportOrganisationNew, sqlImportOrganisationWrite},
		verify:  []string{sqlImportOrganisationVerify},
	}}
	return s.importRegistry(ctx, r, stagedRows(r, lines, func(l headend.Line[headend.Organisation]) []any {
		o := l.Row
		return []any{l.Number, o.ID, o.Name, o.Kind, o.Parent, validFrom(o.From), validTo(o.To)}
	}))
}

// ImportNodes brings the network in, with the same rules as ImportOrganisations.
func (s *Store) ImportNodes(ctx context.Context, lines iter.Seq2[headend.Line[headend.Node], error], options ImportOptions) (headend.Imported, error) {
	r := &registryImport{options: options, kind: registryKind{
		name: "node", stage: sqlImportNodeStage,
		columns: []string{"line", "id", "name", "kind", "parent", "organisation", "rated_kva", "valid_from", "valid_to"},
		check:   sqlImportNodeCheck,
		write:   []string{sqlImportNodeNew, sqlImportNodeWrite},
		verify:  []string{sqlImportNodeVerify},
	}}
	return s.importRegistry(ctx, r, stagedRows(r, lines, func(l headend.Line[headend.Node]) []any {
		n := l.Row
		var kva *float64
		if n.RatedKVA > 0 {
			kva = &n.RatedKVA
		}
		return []any{l.Number, n.ID, n.Name, n.Kind, n.Parent, n.Organisation, kva, validFrom(n.From), validTo(n.To)}
	}))
}

// ImportUsagePoints brings usage points in, with the same rules as ImportOrganisations.
func (s *Store) ImportUsagePoints(ctx context.Context, lines iter.Seq2[headend.Line[headend.UsagePoint], error], options ImportOptions) (headend.Imported, error) {
	r := &registryImport{options: options, kind: registryKind{
		name: "usage_point", stage: sqlImportUsagePointStage,
		columns: []string{"line", "id", "name", "address", "node", "organisation", "phases", "generation", "connected_va", "valid_from", "valid_to"},
		check:   sqlImportUsagePointCheck,
		write:   []string{sqlImportUsagePointNew, sqlImportUsagePointWrite},
		verify:  []string{sqlImportUsagePointVerify},
	}}
	return s.importRegistry(ctx, r, stagedRows(r, lines, func(l headend.Line[headend.UsagePoint]) []any {
		u := l.Row
		return []any{l.Number, u.ID, u.Name, u.Address, u.Node, u.Organisation, int16(u.Phases), u.Generation, u.ConnectedVA(), validFrom(u.From), validTo(u.To)}
	}))
}
