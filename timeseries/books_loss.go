package timeseries

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// LossTerms implements headend.BookSnapshot, as Metered does.
func (b *bookSnapshot) LossTerms(ctx context.Context) ([]headend.LossTerm, error) {
	return list(ctx, b.tx, func(row pgx.CollectableRow) (t headend.LossTerm, err error) {
		err = row.Scan(&t.Unit, &t.Side, &t.Sign, &t.Point, &t.Register, &t.Label)
		return t, err
	}, sqlBooksLossTerm)
}

// Metered reads registers of every usage point and of every device that stands for a node.
func (b *bookSnapshot) Metered(ctx context.Context, from, to time.Time) ([]headend.MeteredPoint, error) {
	return list(ctx, b.tx, func(row pgx.CollectableRow) (m headend.MeteredPoint, err error) {
		var point int32
		var begin, finish *time.Time
		err = row.Scan(&m.ID, &point, &m.Node, &m.Known, &begin, &finish, &m.ImportWh, &m.ExportWh)
		m.UsagePoint, m.From, m.To = uint32(point), end(begin), end(finish)
		return m, err
	}, sqlBooksLossMetered, from, to)
}
