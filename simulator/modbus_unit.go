package simulator

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"lastgasp/headend"
)

// ModbusSpec says which devices of a grid speak Modbus: a relay and a head meter at every feeder, and of
// reclosers, laterals and transformers a share.
type ModbusSpec struct {
	Listen       string  // host:port of the first 247 units; the next ones are behind the port after it. "": no units
	Framing      string  // FramingTCP (also "") or FramingRTU
	Reclosers    float64 // share of reclosers with a relay; 0: all. Negative: none
	Indicators   float64 // share of laterals with a fault indicator; 0
	Transformers float64 // share of transformers with a meter of their own; 0
}

// Framings of a port, named as the scheme of its units' addresses.
const (
	FramingTCP = "tcp"    // Modbus TCP
	FramingRTU = "rtutcp" // RTU frames with CRC in a TCP stream, as serial servers pass them on
)

// ModbusPort is a TCP port with units behind it, as behind a gateway.
type ModbusPort struct {
	Address string // host:port
	Framing string
}

// Unit is a device behind a Modbus port. What it measures and reports follows from its model and from the
// kind of its node: a relay belongs to a feeder or recloser, a meter to a feeder's head (medium voltage) or a
// transformer's low-voltage side, an indicator to a lateral.
type Unit struct {
	ID     headend.DeviceID
	Model  string // name of its profile
	Node   int32
	Port   int32
	Number uint8 // unit id, 1 to 247
}

const unitsPerPort = 247

// Prefixes of unit ids. The rest of the id is the node's.
const (
	prefixRelay       = "RTU-"
	prefixIndicator   = "FPI-"
	prefixHead        = "HM-"
	prefixTransformer = "TM-"
)

// AddModbus gives the grid the units of the spec, instead of those it has. The same grid, spec and seed give
// the same units. It is for the time before a Simulation is made.
func (g *Grid) AddModbus(spec ModbusSpec, seed uint64) error {
	g.Units, g.Ports = nil, nil
	if spec.Listen == "" {
		return nil
	}
	if spec.Reclosers == 0 {
		spec.Reclosers = 1
	}
	chosen := func(node *Node, share float64) bool { return unit(mixText(seed^0x6d6f64627573, node.ID)) < share }
	for i := range g.Nodes {
		n := &g.Nodes[i]
		switch {
		case !g.supplies(int32(i)):
		case n.Kind == NodeFeeder:
			g.addUnit(prefixRelay, relayModel.name, int32(i))
			g.addUnit(prefixHead, headModel.name, int32(i))
		case n.Kind == NodeSwitch && g.trunk(int32(i)):
			if chosen(n, spec.Reclosers) {
				g.addUnit(prefixRelay, relayModel.name, int32(i))
			}
		case n.Kind == NodeSwitch:
			if chosen(n, spec.Indicators) {
				g.addUnit(prefixIndicator, indicatorModel.name, int32(i))
			}
		case n.Kind == NodeTransformer:
			if chosen(n, spec.Transformers) {
				g.addUnit(prefixTransformer, transformerModel.name, int32(i))
			}
		}
	}
	return g.addPorts(spec)
}

func (g *Grid) addUnit(prefix, model string, node int32) {
	number := len(g.Units)
	g.Units = append(g.Units, Unit{ID: headend.DeviceID(prefix + g.Nodes[node].ID), Model: model, Node: node,
		Port: int32(number / unitsPerPort), Number: uint8(number%unitsPerPort) + 1})
}

func (g *Grid) addPorts(spec ModbusSpec) error {
	for i := range g.Units {
		if err := g.Units[i].ID.Validate(); err != nil {
			return fmt.Errorf("modbus: a unit of node %q: %w", g.Nodes[g.Units[i].Node].ID, err)
		}
	}
	host, text, err := net.SplitHostPort(spec.Listen)
	if err != nil {
		return fmt.Errorf("modbus: listen %q is not host:port: %w", spec.Listen, err)
	}
	framing := spec.Framing
	if framing == "" {
		framing = FramingTCP
	}
	if framing != FramingTCP && framing != FramingRTU {
		return fmt.Errorf("modbus: framing %q is neither %s nor %s", framing, FramingTCP, FramingRTU)
	}
	first, err := strconv.Atoi(text)
	count := (len(g.Units) + unitsPerPort - 1) / unitsPerPort
	if err != nil || first < 0 || first+count > 1<<16 {
		return fmt.Errorf("modbus: listen %q: %d ports from port %s on are not there", spec.Listen, count, text)
	}
	for i := range count {
		port := first
		if first > 0 { // 0 stands for any free one, each time
			port += i
		}
		g.Ports = append(g.Ports, ModbusPort{Address: net.JoinHostPort(host, strconv.Itoa(port)), Framing: framing})
	}
	return nil
}

// trunk tells whether a switch is a recloser in the trunk, with more than transformers behind it.
func (g *Grid) trunk(node int32) bool {
	for _, c := range g.children[node] {
		if g.Nodes[c].Kind != NodeTransformer {
			return true
		}
	}
	return false
}

// UnitAddress is where the unit is reached, as in tcp://127.0.0.1:1502?unit=7.
func (g *Grid) UnitAddress(unit int) string {
	u := &g.Units[unit]
	p := g.Ports[u.Port]
	return fmt.Sprintf("%s://%s?unit=%d", p.Framing, p.Address, u.Number)
}

// FindUnit is the index of the unit with the id, -1 when there is none.
func (g *Grid) FindUnit(id headend.DeviceID) int {
	for i := range g.Units {
		if g.Units[i].ID == id {
			return i
		}
	}
	return -1
}

// unitRow takes a row of the device file as a unit. A device file does not say at which node a device
// stands: the id does, for units this package has named. Others are left out, and so are models it cannot play.
func (l *loader) unitRow(r []string) error {
	model := modbusModels[r[4]]
	if r[2] != "modbus" || model == nil {
		return nil
	}
	node, found := int32(None), false
	for _, prefix := range []string{prefixRelay, prefixIndicator, prefixHead, prefixTransformer} {
		if id, ok := strings.CutPrefix(r[0], prefix); ok && !found {
			node, found = l.nodes[id]
		}
	}
	if !found {
		return nil
	}
	address, err := url.Parse(r[3])
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	number, err := strconv.Atoi(address.Query().Get("unit"))
	if address.Scheme != FramingTCP && address.Scheme != FramingRTU || err != nil || number < 1 || number > unitsPerPort {
		return fmt.Errorf("address %q is not like tcp://host:port?unit=N with N of 1 to %d", r[3], unitsPerPort)
	}
	port := ModbusPort{Address: address.Host, Framing: address.Scheme}
	index := len(l.grid.Ports)
	for i, p := range l.grid.Ports {
		if p.Address == port.Address {
			index = i
		}
	}
	if index == len(l.grid.Ports) {
		l.grid.Ports = append(l.grid.Ports, port)
	}
	u := Unit{ID: headend.DeviceID(strings.Clone(r[0])), Model: model.name, Node: node, Port: int32(index), Number: uint8(number)}
	place := [2]int32{u.Port, int32(number)}
	if other, taken := l.units[place]; taken {
		return fmt.Errorf("units %q and %q have one address", other, u.ID)
	}
	l.units[place] = u.ID
	l.grid.Units = append(l.grid.Units, u)
	return nil
}
