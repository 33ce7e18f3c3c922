package simulator

import (
	"fmt"
	"time"

	"lastgasp/headend"
)

// Grid is a distribution grid: who supplies whom through what, and which hardware measures it.
//
// Trees are slices in which a parent stands before its children and is named by its index, so a walk
// from the front meets every parent first. A Grid is read-only once it is made; only AddModbus and ListenModbus
// change it, before a Simulation plays on it.
type Grid struct {
	Climate       Climate
	From          time.Time // since when all of it is valid, UTC
	Organisations []Organisation
	Nodes         []Node
	Gateways      []Gateway
	Points        []Point // those of one node stand together
	Units         []Unit  // devices that speak Modbus
	Ports         []ModbusPort

	children [][]int32  // of each node
	points   [][2]int32 // of each node: the range in Points
}

// None stands for "no such thing" where an index is expected.
const None int32 = -1

// Organisation is a corporation, company or district.
type Organisation struct {
	ID, Name, Kind string
	Parent         int32 // None at the top
}

// Kinds of nodes, as the head-end names them.
const (
	NodeSubstation  = "substation"
	NodeFeeder      = "feeder"
	NodeSwitch      = "switch" // recloser, load-break switch or fuse: what opens takes all below it
	NodeTransformer = "transformer"
)

// Node is a piece of the network.
type Node struct {
	ID, Name, Kind string
	Parent         int32 // towards the supply; None at the top
	Organisation   int32
	RatedKVA       float64 // 0: unknown
	Phases         headend.Phases
}

// Gateway is a concentrator (DCU): it stands at a transformer, is supplied by it and speaks for meters.
type Gateway struct {
	ID       headend.DeviceID
	Password string
	Node     int32
}

// Point is one usage point and the meter that measures it. Phases lists the phases of the supply; what
// the meter calls v1 is the first of them.
type Point struct {
	ID, Name, Address string
	Meter             headend.DeviceID // "": the customer has no smart meter
	Password          string           // of a meter that speaks for itself
	Node              int32            // the transformer
	Organisation      int32
	Gateway           int32   // None: the meter speaks for itself
	Length            float32 // of the line to the transformer, metres
	Phases            headend.Phases
	Customer          Customer
}

// index makes the ways down from the ways up. It returns an error that names the first node or point
// that does not fit: a parent behind its child, the points of one node apart.
func (g *Grid) index() error {
	g.children = make([][]int32, len(g.Nodes))
	g.points = make([][2]int32, len(g.Nodes))
	for i, n := range g.Nodes {
		if n.Parent == None {
			continue
		}
		if n.Parent < 0 || int(n.Parent) >= i {
			return fmt.Errorf("node %q: its parent does not stand before it", n.ID)
		}
		g.children[n.Parent] = append(g.children[n.Parent], int32(i))
	}
	for i, p := range g.Points {
		r := &g.points[p.Node]
		switch {
		case r[1] == 0:
			*r = [2]int32{int32(i), int32(i) + 1}
		case r[1] != int32(i):
			return fmt.Errorf("usage point %q: the others of node %q do not stand beside it", p.ID, g.Nodes[p.Node].ID)
		default:
			r[1]++
		}
	}
	return nil
}

// Below calls yield for every usage point that is supplied through the node.
func (g *Grid) Below(node int32, yield func(point int32)) {
	for p := g.points[node][0]; p < g.points[node][1]; p++ {
		yield(p)
	}
	for _, child := range g.children[node] {
		g.Below(child, yield)
	}
}

// Count is how many usage points are supplied through the node.
func (g *Grid) Count(node int32) int {
	count := 0
	g.Below(node, func(int32) { count++ })
	return count
}

// FindNode is the index of the node with the id, None when there is none.
func (g *Grid) FindNode(id string) int32 {
	for i := range g.Nodes {
		if g.Nodes[i].ID == id {
			return int32(i)
		}
	}
	return None
}

// NodesOf lists the nodes of a kind, in order.
func (g *Grid) NodesOf(kind string) []int32 {
	var list []int32
	for i := range g.Nodes {
		if g.Nodes[i].Kind == kind {
			list = append(list, int32(i))
		}
	}
	return list
}

// Upstream tells whether node is above or the same as below.
func (g *Grid) Upstream(node, below int32) bool {
	for below > node {
		below = g.Nodes[below].Parent
	}
	return below == node
}

// Senders are the grid's gateways and the meters that speak for themselves, as connections of a flood
// with their own credentials. Gateways without meters are left out.
func (g *Grid) Senders() []FloodSender {
	senders := make([]FloodSender, len(g.Gateways))
	for i, gateway := range g.Gateways {
		senders[i] = FloodSender{ClientID: string(gateway.ID), Username: string(gateway.ID), Password: gateway.Password, Gateway: gateway.ID}
	}
	for _, p := range g.Points {
		switch {
		case p.Meter == "":
		case p.Gateway != None:
			senders[p.Gateway].Meters = append(senders[p.Gateway].Meters, p.Meter)
		default:
			senders = append(senders, FloodSender{ClientID: string(p.Meter), Username: string(p.Meter), Password: p.Password,
				Meters: []headend.DeviceID{p.Meter}})
		}
	}
	used := senders[:0]
	for _, s := range senders {
		if len(s.Meters) > 0 {
			used = append(used, s)
		}
	}
	return used
}
