package timeseries

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Grid is the whole registry as the detector needs it, in one snapshot: all versions of nodes, usage points and
// installations, and each device with the node it stands for now. Texts that repeat are kept once: some 0.4 kB a usage
// point with its meter.
func (s *Store) Grid(ctx context.Context) (g headend.Grid, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		var points, devices, installations int // lists that grow would hold twice of what they need
		if err := tx.QueryRow(ctx, sqlGridCount).Scan(&points, &devices, &installations); err != nil {
			return err
		}
		g.Points, g.PointNumbers = make([]headend.UsagePoint, 0, points), make([]uint32, 0, points)
		g.Devices, g.DeviceNumbers = make([]headend.Device, 0, devices), make([]int32, 0, devices)
		g.Installations = make([]headend.Installation, 0, installations)
		return readGrid(ctx, tx, &g)
	})
	if err != nil {
		return headend.Grid{}, fmt.Errorf("registry: %w", err)
	}
	return g, nil
}

// readGrid reads the registry into lists that have room for it.
func readGrid(ctx context.Context, tx pgx.Tx, g *headend.Grid) (err error) {
	if g.Nodes, err = list(ctx, tx, scanNode, sqlGridNode); err != nil {
		return err
	}
	names := make(map[string]string, len(g.Nodes))
	for i := range g.Nodes {
		names[g.Nodes[i].ID] = g.Nodes[i].ID
	}
	points, err := gridPoints(ctx, tx, g, names)
	if err != nil {
		return err
	}
	devices, err := gridDevices(ctx, tx, g, names)
	if err != nil {
		return err
	}
	return gridInstallations(ctx, tx, g, devices, points)
}

// same is the one copy of a text.
func same[T ~string](names map[string]T, text []byte) T {
	if name, ok := names[string(text)]; ok {
		return name
	}
	name := T(text)
	names[string(name)] = name
	return name
}

// gridPoints reads the usage points and gives back their ids by number.
func gridPoints(ctx context.Context, tx pgx.Tx, g *headend.Grid, names map[string]string) (ids []string, err error) {
	rows, err := tx.Query(ctx, sqlGridPoint)
	if err != nil {
		return nil, err
	}
	var number int32
	var id string
	var node []byte
	var phases int16
	var p headend.UsagePoint
	var to *time.Time
	_, err = pgx.ForEachRow(rows, []any{&number, &id, &node, &phases, &p.Generation, &p.From, &to}, func() error {
		ids = atNumber(ids, number, id)
		p.ID, p.Node, p.Phases, p.From, p.To = ids[number], same(names, node), headend.Phases(phases), p.From.UTC(), end(to)
		g.Points, g.PointNumbers = append(g.Points, p), append(g.PointNumbers, uint32(number))
		return nil
	})
	return ids, err
}

// gridDevices reads the devices and gives back their ids by number.
func gridDevices(ctx context.Context, tx pgx.Tx, g *headend.Grid, names map[string]string) (ids []headend.DeviceID, err error) {
	rows, err := tx.Query(ctx, sqlGridDevice)
	if err != nil {
		return nil, err
	}
	gateways, kinds, states := map[string]headend.DeviceID{}, map[string]headend.DeviceKind{}, map[string]headend.DeviceState{}
	var number int32
	var id string
	var kind, state, gateway, node []byte
	_, err = pgx.ForEachRow(rows, []any{&number, &id, &kind, &state, &gateway, &node}, func() error {
		ids = atNumber(ids, number, headend.DeviceID(id))
		g.DeviceNumbers = append(g.DeviceNumbers, number)
		g.Devices = append(g.Devices, headend.Device{ID: ids[number], Kind: same(kinds, kind), State: same(states, state),
			Gateway: same(gateways, gateway), Node: same(names, node)})
		return nil
	})
	return ids, err
}

func gridInstallations(ctx context.Context, tx pgx.Tx, g *headend.Grid, devices []headend.DeviceID, points []string) error {
	rows, err := tx.Query(ctx, sqlGridInstallation)
	if err != nil {
		return err
	}
	var device, point int32
	var from time.Time
	var to *time.Time
	_, err = pgx.ForEachRow(rows, []any{&device, &point, &from, &to}, func() error {
		g.Installations = append(g.Installations, headend.Installation{Device: devices[device], UsagePoint: points[point], From: from.UTC(), To: end(to)})
		return nil
	})
	return err
}

// atNumber keeps the first text of a number: later versions of the same thing have the same.
func atNumber[T ~string](list []T, number int32, text T) []T {
	for int32(len(list)) <= number {
		list = append(list, "")
	}
	if list[number] == "" {
		list[number] = text
	}
	return list
}
