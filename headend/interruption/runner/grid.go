package runner

import (
	"fmt"

	"lastgasp/headend"
	"lastgasp/headend/interruption"
)

// Grid is the registry joined with the numbers of the network made from it.
type Grid struct {
	Network  *interruption.Network
	devices  map[int32]interruption.DeviceNo
	point    map[uint32]interruption.PointNo
	number   []uint32                                   // of a usage point in the registry, by PointNo
	behind   map[interruption.DeviceNo]gridPoint        // the usage point a device measures, in its latest version
	gateways map[interruption.DeviceNo]headend.DeviceID // of those that have one
}

// gridPoint is what a reading's voltage is judged by.
type gridPoint struct {
	phases     headend.Phases
	generation bool
}

// NewGrid makes the network of a registry. Gateways of which makesUp says so send last gasps for all their meters when
// their own supply fails. The error names every row that does not fit.
func NewGrid(g *headend.Grid, makesUp func(headend.DeviceID) bool) (*Grid, error) {
	spec := interruption.Spec{Nodes: g.Nodes, Installations: g.Installations}
	points := make(map[string]gridPoint, len(g.Points))
	for i := range g.Points {
		p := &g.Points[i]
		spec.Points = append(spec.Points, p.UsagePoint)
		if p.Generation {
			spec.Generation = append(spec.Generation, p.ID)
		}
		points[p.ID] = gridPoint{p.Phases, p.Generation}
	}
	for i := range g.Devices {
		d := &g.Devices[i]
		spec.Devices = append(spec.Devices, d.Device)
		if d.Node != "" {
			spec.Placements = append(spec.Placements, interruption.Placement{Device: d.ID, Node: d.Node})
		}
		if d.Kind == headend.KindGateway && makesUp != nil && makesUp(d.ID) {
			spec.MakesUp = append(spec.MakesUp, d.ID)
		}
	}
	network, err := interruption.NewNetwork(spec)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	out := &Grid{Network: network, devices: make(map[int32]interruption.DeviceNo, len(g.Devices)), point: make(map[uint32]interruption.PointNo, len(g.Points)),
		number: make([]uint32, network.Points()), behind: map[interruption.DeviceNo]gridPoint{}, gateways: map[interruption.DeviceNo]headend.DeviceID{}}
	for i := range g.Points {
		if no, ok := network.Point(g.Points[i].ID); ok {
			out.number[no], out.point[g.Points[i].Number] = g.Points[i].Number, no
		}
	}
	for i := range g.Devices {
		if no, ok := network.Device(g.Devices[i].ID); ok {
			out.devices[g.Devices[i].Number] = no
			if gateway := g.Devices[i].Gateway; gateway != "" {
				out.gateways[no] = gateway
			}
		}
	}
	for i := range g.Installations {
		if no, ok := network.Device(g.Installations[i].Device); ok {
			out.behind[no] = points[g.Installations[i].UsagePoint]
		}
	}
	return out, nil
}

// device is the network's number of a device of the registry; NoDevice for 0 and for one it does not know.
func (g *Grid) device(number int32) interruption.DeviceNo {
	if no, ok := g.devices[number]; ok {
		return no
	}
	return interruption.NoDevice
}
