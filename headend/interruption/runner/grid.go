package runner

import (
	"fmt"

	"lastgasp/headend"
	"lastgasp/headend/interruption"
)

// Grid is the registry joined with the numbers of the network made from it.
type Grid struct {
	Network  *interruption.Network
	devices  []interruption.DeviceNo // by the device's number in the registry
	points   []interruption.PointNo  // by the usage point's number in the registry
	number   []uint32                // of a usage point in the registry, by PointNo
	behind   []gridPoint             // what a device measures, in its latest installation, by DeviceNo
	gateways []interruption.DeviceNo // who passes a device's messages on, by DeviceNo
}

// gridPoint is what a reading's voltage is judged by.
type gridPoint struct {
	phases     headend.Phases
	generation bool
}

// NewGrid makes the network of a registry. Gateways of which makesUp says so send last gasps for all their meters when
// their own supply fails. The error names every row that does not fit.
func NewGrid(g *headend.Grid, makesUp func(headend.DeviceID) bool) (*Grid, error) {
	spec := interruption.Spec{Nodes: g.Nodes, Points: g.Points, Devices: g.Devices, Installations: g.Installations}
	for i := range g.Points {
		if g.Points[i].Generation {
			spec.Generation = append(spec.Generation, g.Points[i].ID)
		}
	}
	for i := range g.Devices {
		d := &g.Devices[i]
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
	out := &Grid{Network: network}
	out.numberPoints(g)
	out.numberDevices(g)
	return out, nil
}

func (g *Grid) numberPoints(registry *headend.Grid) {
	g.number = make([]uint32, g.Network.Points())
	for i := range registry.Points {
		if no, ok := g.Network.Point(registry.Points[i].ID); ok {
			g.number[no] = registry.PointNumbers[i]
			g.points = put(g.points, registry.PointNumbers[i], no, interruption.NoPoint)
		}
	}
}

func (g *Grid) numberDevices(registry *headend.Grid) {
	known := make(map[interruption.PointNo]gridPoint, len(registry.Points))
	for i := range registry.Points {
		if no, ok := g.Network.Point(registry.Points[i].ID); ok {
			known[no] = gridPoint{registry.Points[i].Phases, registry.Points[i].Generation}
		}
	}
	for i := range registry.Devices {
		d := &registry.Devices[i]
		no, ok := g.Network.Device(d.ID)
		if !ok {
			continue
		}
		g.devices = put(g.devices, uint32(registry.DeviceNumbers[i]), no, interruption.NoDevice)
		if gateway, ok := g.Network.Device(d.Gateway); ok && d.Gateway != "" {
			g.gateways = put(g.gateways, uint32(no), gateway, interruption.NoDevice)
		}
	}
	for i := range registry.Installations {
		device, known1 := g.Network.Device(registry.Installations[i].Device)
		point, known2 := g.Network.Point(registry.Installations[i].UsagePoint)
		if known1 && known2 {
			g.behind = put(g.behind, uint32(device), known[point], gridPoint{})
		}
	}
}

// put sets an element, with what stands for none before it.
func put[E any](list []E, at uint32, e, none E) []E {
	for uint32(len(list)) <= at {
		list = append(list, none)
	}
	list[at] = e
	return list
}

// device is the network's number of a device of the registry; NoDevice for 0 and for one it does not know.
func (g *Grid) device(number int32) interruption.DeviceNo {
	if number > 0 && int(number) < len(g.devices) {
		return g.devices[number]
	}
	return interruption.NoDevice
}

// point is the network's number of a usage point of the registry; NoPoint for one it does not know.
func (g *Grid) point(number uint32) interruption.PointNo {
	if int(number) < len(g.points) {
		return g.points[number]
	}
	return interruption.NoPoint
}

// gateway is who passes a device's messages on; "" for one that is connected itself.
func (g *Grid) gateway(device interruption.DeviceNo) headend.DeviceID {
	if int(device) < len(g.gateways) {
		return g.Network.DeviceID(g.gateways[device])
	}
	return ""
}

// measures is what a device's voltage is judged by.
func (g *Grid) measures(device interruption.DeviceNo) gridPoint {
	if int(device) < len(g.behind) {
		return g.behind[device]
	}
	return gridPoint{}
}
