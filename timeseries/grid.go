package timeseries

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Grid is the whole registry as the detector needs it, in one snapshot: all versions of nodes, usage points and
// installations, and each device with the node it stands for now. Some 0.5 kB a usage point with its meter.
func (s *Store) Grid(ctx context.Context) (g headend.Grid, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		if g.Nodes, err = list(ctx, tx, scanNode, sqlGridNode); err != nil {
			return err
		}
		if g.Points, err = list(ctx, tx, scanGridPoint, sqlGridPoint); err != nil {
			return err
		}
		if g.Devices, err = list(ctx, tx, scanGridDevice, sqlGridDevice); err != nil {
			return err
		}
		g.Installations, err = list(ctx, tx, scanInstallation, sqlGridInstallation)
		return err
	})
	if err != nil {
		return headend.Grid{}, fmt.Errorf("registry: %w", err)
	}
	return g, nil
}

func scanGridPoint(row pgx.CollectableRow) (p headend.GridPoint, err error) {
	var number int32
	var phases int16
	var to *time.Time
	err = row.Scan(&number, &p.ID, &p.Name, &p.Address, &p.Node, &p.Organisation, &phases, &p.Generation, &p.From, &to)
	p.Number, p.Phases, p.From, p.To = uint32(number), headend.Phases(phases), p.From.UTC(), end(to)
	return p, err
}

func scanGridDevice(row pgx.CollectableRow) (d headend.GridDevice, err error) {
	err = row.Scan(&d.Number, &d.ID, &d.Kind, &d.State, &d.Protocol, &d.Address, &d.Profile, &d.Gateway, &d.Node, &d.FirstSeen)
	d.FirstSeen = d.FirstSeen.UTC()
	return d, err
}
