package interruption

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"lastgasp/headend"
)

// PointNo, NodeNo and DeviceNo number usage points, nodes and devices of one Network densely from 0.
type (
	PointNo  int32
	NodeNo   int32
	DeviceNo int32
)

// None of them.
const (
	NoPoint  PointNo  = -1
	NoNode   NodeNo   = -1
	NoDevice DeviceNo = -1
)

// Placement says at which node a gateway or RTU stands: which supply it has, which breaker it sees.
type Placement struct {
	Device   headend.DeviceID
	Node     string
	From, To time.Time // zero: always
}

// Spec is the registry as the detector needs it. The same id with different times is a later version of the same thing.
type Spec struct {
	Nodes         []headend.Node
	Points        []headend.UsagePoint
	Devices       []headend.Device
	Installations []headend.Installation
	Placements    []Placement
	Generation    []string           // usage points with solar or battery: only the supply side says whether they have supply
	MakesUp       []headend.DeviceID // gateways that send last gasps for all their meters when their own supply fails
	Segments      map[string]string  // node → name of the segment whose rates hold at it and below; the feeder where empty
}

// Network is the registry in the form the detector reads: numbers for names, trees valid in time. It is
// read-only, so several detectors may share it.
type Network struct {
	nodes      []node
	points     []point
	pointIDs   []string
	devices    []device
	deviceIDs  []headend.DeviceID
	nodeOf     map[string]NodeNo
	pointOf    map[string]PointNo
	deviceOf   map[headend.DeviceID]DeviceNo
	trees      []tree
	hung       map[PointNo][]hanging  // of those with more than one version, or an end
	installed  map[DeviceNo][]tenancy // of those with more than one, or an end
	measuredBy map[PointNo][]tenancy  // the other way round
	members    []PointNo              // by node
	gatewaysAt map[NodeNo][]DeviceNo  // gateways by node, for their own supply
	behind     map[DeviceNo][]NodeNo  // nodes with meters behind a gateway
	components int32
	segments   []string
}

type node struct {
	id, name, kind string
	component      int32
	segment        int32
	from, to       int32 // in members
}

// point is 16 bytes at rest.
type point struct {
	node       NodeNo
	device     DeviceNo // its meter when there is only one
	from       uint32   // Unix minutes since when it is active
	phases     headend.Phases
	generation bool
	versions   bool // see hung and measuredBy
	meters     bool
}

type device struct {
	point    PointNo
	node     NodeNo
	gateway  DeviceNo
	kind     headend.DeviceKind
	versions bool
	makesUp  bool
}

type hanging struct {
	node     NodeNo
	from, to moment
}

type tenancy struct {
	point    PointNo
	device   DeviceNo
	node     NodeNo
	from, to moment
}

// tree is who supplies whom from a moment until the next tree.
type tree struct {
	from     moment
	parent   []NodeNo
	children [][]NodeNo
	top      []NodeNo // of each component, those without a parent, in order
}

// NewNetwork makes a network. It returns an error that joins one line for each row that does not fit: a node below
// itself, a usage point at an unknown node.
func NewNetwork(spec Spec) (*Network, error) {
	n := &Network{nodeOf: map[string]NodeNo{}, pointOf: make(map[string]PointNo, len(spec.Points)),
		deviceOf: make(map[headend.DeviceID]DeviceNo, len(spec.Devices)), hung: map[PointNo][]hanging{}, installed: map[DeviceNo][]tenancy{},
		measuredBy: map[PointNo][]tenancy{}, gatewaysAt: map[NodeNo][]DeviceNo{}, behind: map[DeviceNo][]NodeNo{}}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	n.addNodes(&spec, fault)
	n.addPoints(&spec, fault)
	n.addDevices(&spec, fault)
	n.hangMembers()
	n.name(&spec)
	return n, errors.Join(faults...)
}

func (n *Network) addNodes(spec *Spec, fault func(string, ...any)) {
	for i := range spec.Nodes {
		s := &spec.Nodes[i]
		if _, known := n.nodeOf[s.ID]; !known {
			n.nodeOf[s.ID] = NodeNo(len(n.nodes))
			n.nodes = append(n.nodes, node{})
		}
		no := n.nodeOf[s.ID]
		n.nodes[no].id, n.nodes[no].name, n.nodes[no].kind = s.ID, s.Name, s.Kind
		if s.Name == "" {
			n.nodes[no].name = s.ID
		}
	}
	cuts := []moment{unknown}
	seen := make(map[string]bool, len(n.nodes))
	for i := range spec.Nodes {
		s := &spec.Nodes[i]
		if s.Parent != "" {
			if _, known := n.nodeOf[s.Parent]; !known {
				fault("node %q: its parent %q is unknown", s.ID, s.Parent)
			}
		}
		// Only what changes after the first version cuts time.
		if seen[s.ID] {
			cuts = append(cuts, at(s.From))
		}
		seen[s.ID] = true
		if !s.To.IsZero() {
			cuts = append(cuts, at(s.To))
		}
	}
	slices.Sort(cuts)
	for _, from := range slices.Compact(cuts) {
		n.trees = append(n.trees, n.plant(spec, from, fault))
	}
	n.joinComponents()
}

// plant makes the tree that is valid at a moment.
func (n *Network) plant(spec *Spec, from moment, fault func(string, ...any)) tree {
	t := tree{from: from, parent: make([]NodeNo, len(n.nodes)), children: make([][]NodeNo, len(n.nodes))}
	for i := range t.parent {
		t.parent[i] = NoNode
	}
	for i := range spec.Nodes {
		s := &spec.Nodes[i]
		valid := (from == unknown || !(at(s.From) > from)) && (s.To.IsZero() || at(s.To) > from)
		parent, known := n.nodeOf[s.Parent]
		// Above the substations nothing is inferred: they are where parts of the network are cut apart.
		if valid && known && s.Kind != "substation" && (from != unknown || t.parent[n.nodeOf[s.ID]] == NoNode) {
			t.parent[n.nodeOf[s.ID]] = parent
		}
	}
	for i := range t.parent {
		steps := 0
		for up := NodeNo(i); up != NoNode; up = t.parent[up] {
			if steps++; steps > len(n.nodes) {
				fault("node %q is supplied by itself", n.nodes[i].id)
				t.parent[i] = NoNode
				break
			}
		}
		if t.parent[i] != NoNode {
			t.children[t.parent[i]] = append(t.children[t.parent[i]], NodeNo(i))
		}
	}
	return t
}

// joinComponents numbers the parts of the network that are never connected.
func (n *Network) joinComponents() {
	leader := make([]int32, len(n.nodes))
	for i := range leader {
		leader[i] = int32(i)
	}
	find := func(i int32) int32 {
		for leader[i] != i {
			leader[i] = leader[leader[i]]
			i = leader[i]
		}
		return i
	}
	for _, t := range n.trees {
		for i, p := range t.parent {
			if p != NoNode {
				leader[find(int32(i))] = find(int32(p))
			}
		}
	}
	number := map[int32]int32{}
	for i := range n.nodes {
		top := find(int32(i))
		if _, known := number[top]; !known {
			number[top] = n.components
			n.components++
		}
		n.nodes[i].component = number[top]
	}
	for k := range n.trees {
		t := &n.trees[k]
		for i, p := range t.parent {
			if p == NoNode {
				t.top = append(t.top, NodeNo(i))
			}
		}
		sort.SliceStable(t.top, func(a, b int) bool { return n.nodes[t.top[a]].component < n.nodes[t.top[b]].component })
	}
}

func (n *Network) addPoints(spec *Spec, fault func(string, ...any)) {
	for i := range spec.Points {
		s := &spec.Points[i]
		hangs, known := n.nodeOf[s.Node]
		if !known {
			fault("usage point %q: node %q is unknown", s.ID, s.Node)
			continue
		}
		no, known := n.pointOf[s.ID]
		if !known {
			no = PointNo(len(n.points))
			n.pointOf[s.ID] = no
			n.pointIDs = append(n.pointIDs, s.ID)
			n.points = append(n.points, point{node: hangs, device: NoDevice, from: minutes(s.From), phases: s.Phases})
			if s.To.IsZero() {
				continue
			}
		}
		p := &n.points[no]
		if !p.versions && known { // the first version had no end
			n.hung[no] = append(n.hung[no], hanging{p.node, moment(p.from) * minute, open})
		}
		p.versions = true
		end := open
		if !s.To.IsZero() {
			end = at(s.To)
		}
		n.hung[no] = append(n.hung[no], hanging{hangs, at(s.From), end})
	}
	for no, list := range n.hung { // a later version ends the one before
		slices.SortFunc(list, func(a, b hanging) int { return compare(a.from, b.from) })
		for i := range list[:len(list)-1] {
			list[i].to = min(list[i].to, list[i+1].from)
		}
		n.points[no].node = list[len(list)-1].node
	}
	for _, id := range spec.Generation {
		if no, known := n.pointOf[id]; known {
			n.points[no].generation = true
		}
	}
}

func minutes(t time.Time) uint32 {
	if t.IsZero() || t.Unix() < 0 {
		return 0
	}
	return uint32(t.Unix() / 60)
}

func (n *Network) addDevices(spec *Spec, fault func(string, ...any)) {
	for i := range spec.Devices {
		s := &spec.Devices[i]
		if _, known := n.deviceOf[s.ID]; !known {
			n.deviceOf[s.ID] = DeviceNo(len(n.devices))
			n.devices = append(n.devices, device{point: NoPoint, node: NoNode, gateway: NoDevice, kind: s.Kind})
			n.deviceIDs = append(n.deviceIDs, s.ID)
		}
	}
	for i := range spec.Devices {
		if g, known := n.deviceOf[spec.Devices[i].Gateway]; known {
			n.devices[n.deviceOf[spec.Devices[i].ID]].gateway = g
		}
	}
	for _, id := range spec.MakesUp {
		if no, known := n.deviceOf[id]; known {
			n.devices[no].makesUp = true
		}
	}
	for _, s := range spec.Installations {
		d, known := n.deviceOf[s.Device]
		p, there := n.pointOf[s.UsagePoint]
		if !known || !there {
			fault("installation of %q at %q: one of them is unknown", s.Device, s.UsagePoint)
			continue
		}
		n.settle(d, tenancy{p, d, NoNode, at(s.From), until(s.To)})
	}
	for _, s := range spec.Placements {
		d, known := n.deviceOf[s.Device]
		v, there := n.nodeOf[s.Node]
		if !known || !there {
			fault("device %q at node %q: one of them is unknown", s.Device, s.Node)
			continue
		}
		n.settle(d, tenancy{NoPoint, d, v, at(s.From), until(s.To)})
	}
	for _, list := range n.installed {
		slices.SortFunc(list, func(a, b tenancy) int { return compare(a.from, b.from) })
	}
	for _, list := range n.measuredBy {
		slices.SortFunc(list, func(a, b tenancy) int { return compare(a.from, b.from) })
	}
}

func until(t time.Time) moment {
	if t.IsZero() {
		return open
	}
	return at(t)
}

func compare[T ~int64 | ~int32 | ~int | ~uint32](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// settle says where a device is for a time.
func (n *Network) settle(no DeviceNo, t tenancy) {
	d := &n.devices[no]
	n.installed[no] = append(n.installed[no], t)
	d.versions = true
	d.point, d.node = t.point, t.node
	if t.point != NoPoint {
		n.points[t.point].device = no
		n.measuredBy[t.point] = append(n.measuredBy[t.point], t)
		n.points[t.point].meters = true
	}
}

// hangMembers lists the points of each node, all that ever hung there, and forgets versions where there is only one.
func (n *Network) hangMembers() {
	for no, list := range n.installed {
		if len(list) == 1 && list[0].to == open && (list[0].from == unknown || list[0].point != NoPoint && list[0].from <= moment(n.points[list[0].point].from)*minute) {
			n.devices[no].versions = false
			delete(n.installed, no)
		}
	}
	for no, list := range n.measuredBy {
		if len(list) == 1 && !n.devices[list[0].device].versions {
			n.points[no].meters = false
			delete(n.measuredBy, no)
		}
	}
	count := make([]int32, len(n.nodes)+1)
	each := func(do func(v NodeNo, p PointNo)) {
		for i := range n.points {
			if !n.points[i].versions {
				do(n.points[i].node, PointNo(i))
				continue
			}
			var seen []NodeNo
			for _, h := range n.hung[PointNo(i)] {
				if !slices.Contains(seen, h.node) {
					seen = append(seen, h.node)
					do(h.node, PointNo(i))
				}
			}
		}
	}
	each(func(v NodeNo, _ PointNo) { count[v+1]++ })
	for v := range n.nodes {
		count[v+1] += count[v]
		n.nodes[v].from, n.nodes[v].to = count[v], count[v]
	}
	n.members = make([]PointNo, count[len(n.nodes)])
	each(func(v NodeNo, p PointNo) {
		n.members[n.nodes[v].to] = p
		n.nodes[v].to++
	})
	for i := range n.devices {
		d := &n.devices[i]
		if d.kind == headend.KindGateway && d.node != NoNode {
			n.gatewaysAt[d.node] = append(n.gatewaysAt[d.node], DeviceNo(i))
		}
		if d.gateway != NoDevice && d.point != NoPoint {
			if v := n.points[d.point].node; !slices.Contains(n.behind[d.gateway], v) {
				n.behind[d.gateway] = append(n.behind[d.gateway], v)
			}
		}
	}
}

// name gives every node the segment of the nearest node above that names one.
func (n *Network) name(spec *Spec) {
	number := map[string]int32{"": 0}
	n.segments = []string{""}
	current := &n.trees[len(n.trees)-1]
	for v := range n.nodes {
		name := ""
		for up := NodeNo(v); up != NoNode && name == ""; up = current.parent[up] {
			if name = spec.Segments[n.nodes[up].id]; name == "" && n.nodes[up].kind == "feeder" {
				name = n.nodes[up].id
			}
		}
		if _, known := number[name]; !known {
			number[name] = int32(len(n.segments))
			n.segments = append(n.segments, name)
		}
		n.nodes[v].segment = number[name]
	}
}

// Device is the number of a device, false when the registry has none of that name.
func (n *Network) Device(id headend.DeviceID) (DeviceNo, bool) {
	no, ok := n.deviceOf[id]
	return no, ok
}

// Point is the number of a usage point.
func (n *Network) Point(id string) (PointNo, bool) { no, ok := n.pointOf[id]; return no, ok }

// Node is the number of a node.
func (n *Network) Node(id string) (NodeNo, bool) { no, ok := n.nodeOf[id]; return no, ok }

// PointID, NodeID and DeviceID are the names of numbers; "" for none.
func (n *Network) PointID(no PointNo) string {
	if no < 0 || int(no) >= len(n.pointIDs) {
		return ""
	}
	return n.pointIDs[no]
}

// NodeID is the name of a node; "" for none.
func (n *Network) NodeID(no NodeNo) string {
	if no < 0 || int(no) >= len(n.nodes) {
		return ""
	}
	return n.nodes[no].id
}

// DeviceID is the name of a device; "" for none.
func (n *Network) DeviceID(no DeviceNo) headend.DeviceID {
	if no < 0 || int(no) >= len(n.deviceIDs) {
		return ""
	}
	return n.deviceIDs[no]
}

// Points is how many usage points there are.
func (n *Network) Points() int { return len(n.points) }

// treeAt is the index of the tree that is valid at a moment.
func (n *Network) treeAt(m moment) int {
	i := sort.Search(len(n.trees), func(i int) bool { return n.trees[i].from > m })
	return max(i-1, 0)
}

// nodeAt is where a point hung at a moment, NoNode when it was not active.
func (n *Network) nodeAt(p PointNo, m moment) NodeNo {
	pt := &n.points[p]
	if !pt.versions {
		if m/minute < moment(pt.from) {
			return NoNode
		}
		return pt.node
	}
	for _, h := range n.hung[p] {
		if m >= h.from && m < h.to {
			return h.node
		}
	}
	return NoNode
}

// placeAt is where a device was at a moment.
func (n *Network) placeAt(d DeviceNo, m moment) (PointNo, NodeNo) {
	dev := &n.devices[d]
	if !dev.versions {
		return dev.point, dev.node
	}
	for _, t := range n.installed[d] {
		if m >= t.from && m < t.to {
			return t.point, t.node
		}
	}
	return NoPoint, NoNode
}

// meterAt is the meter of a point at a moment, NoDevice when it has none.
func (n *Network) meterAt(p PointNo, m moment) DeviceNo {
	pt := &n.points[p]
	if !pt.meters {
		return pt.device
	}
	for _, t := range n.measuredBy[p] {
		if m >= t.from && m < t.to {
			return t.device
		}
	}
	return NoDevice
}

// below tells whether node is v or below it in the tree.
func (t *tree) below(v, node NodeNo) bool {
	for ; node != NoNode; node = t.parent[node] {
		if node == v {
			return true
		}
	}
	return false
}

// AtNode tells whether a device stands at a node, not at a usage point.
func (n *Network) AtNode(no DeviceNo) bool {
	d := &n.devices[no]
	return d.point == NoPoint && d.node != NoNode
}
