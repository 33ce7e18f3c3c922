package simulator

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"lastgasp/headend"
)

// topology is the part of a topology.json this package reads: the IEEE European LV feeder has Customers, the
// IEEE 123 bus feeder has Loads.
type topology struct {
	Name        string `json:"name"`
	SourceBus   string `json:"source_bus"`
	Transformer struct {
		ID string `json:"id"`
	} `json:"transformer"`
	Customers []struct {
		ID       string  `json:"id"`
		Phase    string  `json:"phase"`
		Distance float32 `json:"distance_to_transformer_m"`
	} `json:"customers"`
	Lines    []topologyEdge `json:"lines"`
	Switches []struct {
		topologyEdge
		Normal string `json:"normal"`
	} `json:"switches"`
	Regulators []topologyEdge `json:"regulators_transformers"`
	Loads      []struct {
		ID     string  `json:"id"`
		Bus    string  `json:"bus"`
		Phases string  `json:"phases"`
		KW     float64 `json:"kW"`
	} `json:"loads"`
}

type topologyEdge struct {
	ID   string `json:"id"`
	From string `json:"from"`
	To   string `json:"to"`
}

func loadTopology(path string, spec *GridSpec) (*Grid, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var t topology
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	g := &Grid{Climate: Europe, From: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		Organisations: []Organisation{{ID: "IEEE", Name: t.Name, Kind: "district", Parent: None}}}
	switch {
	case len(t.Customers) > 0:
		t.lowVoltage(g, spec)
	case len(t.Loads) > 0:
		err = t.mediumVoltage(g, spec)
	default:
		err = fmt.Errorf("has neither customers nor loads")
	}
	if err == nil {
		err = g.index()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return g, nil
}

// lowVoltage is one transformer with all customers. The cables below it are no nodes: a transformer is
// the lowest one the head-end knows.
func (t *topology) lowVoltage(g *Grid, spec *GridSpec) {
	g.Nodes = []Node{
		{ID: "SourceBus", Name: "SourceBus", Kind: NodeSubstation, Parent: None, Phases: allPhases},
		{ID: "MV", Name: "11 kV", Kind: NodeFeeder, Parent: 0, Phases: allPhases},
		{ID: t.Transformer.ID, Name: t.Transformer.ID, Kind: NodeTransformer, Parent: 1, RatedKVA: 800, Phases: allPhases},
	}
	for _, c := range t.Customers {
		p := t.point(g, spec, c.ID, 2, phaseOf(c.Phase))
		p.Length = c.Distance
	}
}

// point adds a usage point with its meter behind the gateway of the grid.
func (t *topology) point(g *Grid, spec *GridSpec, id string, node int32, phases headend.Phases) *Point {
	if len(g.Gateways) == 0 {
		gateway := headend.DeviceID("DCU-" + g.Nodes[node].ID)
		g.Gateways = []Gateway{{ID: gateway, Password: secret(1, string(gateway)), Node: node}}
	}
	p := Point{ID: id, Name: id, Meter: headend.DeviceID("M-" + id), Node: node, Phases: phases}
	p.characterise(spec)
	g.Points = append(g.Points, p)
	return &g.Points[len(g.Points)-1]
}

// phaseOf reads L1 L2 L3 or letters A B C, several of which may stand together.
func phaseOf(s string) headend.Phases {
	var p headend.Phases
	for i, name := range [...]string{"L1", "L2", "L3"} {
		if s == name {
			p |= 1 << i
		}
	}
	for _, r := range s {
		if r >= 'A' && r <= 'C' {
			p |= 1 << (r - 'A')
		}
	}
	return p
}

// mediumVoltage walks the closed lines from the source. Closed switches and buses with loads become
// nodes; other lines only carry the walk on.
func (t *topology) mediumVoltage(g *Grid, spec *GridSpec) error {
	type edge struct{ to, closed string }
	ways := map[string][]edge{}
	join := func(e topologyEdge, sw string) {
		ways[e.From] = append(ways[e.From], edge{e.To, sw})
		ways[e.To] = append(ways[e.To], edge{e.From, sw})
	}
	for _, e := range t.Lines {
		join(e, "")
	}
	for _, e := range t.Regulators {
		join(e, "")
	}
	for _, s := range t.Switches {
		if s.Normal == "closed" {
			join(s.topologyEdge, s.ID)
		}
	}
	loads := map[string][]int{}
	for i, l := range t.Loads {
		loads[l.Bus] = append(loads[l.Bus], i)
	}
	g.Nodes = []Node{
		{ID: "SUB", Name: t.Name, Kind: NodeSubstation, Parent: None, Phases: allPhases},
		{ID: "FEEDER", Name: t.Name, Kind: NodeFeeder, Parent: 0, Phases: allPhases},
	}
	seen := map[string]bool{t.SourceBus: true}
	var walk func(bus string, above int32)
	walk = func(bus string, above int32) {
		if here := loads[bus]; len(here) > 0 {
			g.Nodes = append(g.Nodes, Node{ID: "BUS" + bus, Name: "Bus " + bus, Kind: NodeTransformer, Parent: above, Phases: allPhases})
			node := int32(len(g.Nodes) - 1)
			for _, i := range here {
				g.Nodes[node].RatedKVA += t.Loads[i].KW * 1.25
				t.point(g, spec, t.Loads[i].ID, node, phaseOf(t.Loads[i].Phases))
			}
		}
		for _, w := range ways[bus] {
			if seen[w.to] {
				continue
			}
			seen[w.to] = true
			below := above
			if w.closed != "" {
				g.Nodes = append(g.Nodes, Node{ID: w.closed, Name: w.closed, Kind: NodeSwitch, Parent: above, Phases: allPhases})
				below = int32(len(g.Nodes) - 1)
			}
			walk(w.to, below)
		}
	}
	walk(t.SourceBus, 1)
	if len(g.Points) != len(t.Loads) {
		return fmt.Errorf("%d of %d loads are connected to source bus %s", len(g.Points), len(t.Loads), t.SourceBus)
	}
	return nil
}
