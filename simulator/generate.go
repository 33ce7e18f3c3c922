package simulator

import (
	"fmt"
	"time"

	"lastgasp/headend"
)

// GridSpec says what grid to generate. Zero values stand for what is named beside them.
type GridSpec struct {
	UsagePoints           int       // 1 to 20 million
	PointsPerTransformer  int       // mean; 50
	Small                 float64   // share of transformers that supply a tenth of the mean, or fewer; 0
	TransformersPerFeeder int       // 20
	FeedersPerSubstation  int       // 6
	TransformersPerDCU    int       // transformers whose meters one gateway serves; 2
	Direct                int       // meters that speak for themselves, spread evenly; 0
	Unmetered             float64   // share of customers without a smart meter; 0
	Solar                 float64   // share of customers with solar; 0
	Trade                 float64   // share of small trade; 0.06. Negative: none
	ThreePhase            float64   // share of customers supplied with three phases; 0.05. Negative: none
	Climate               Climate   // Vietnam
	From                  time.Time // since when all of it is valid; 2020-01-01 in Vietnam
	Modbus                ModbusSpec
}

// Saigon is the zone of Vietnam: UTC+7 the whole year.
var Saigon = time.FixedZone("Asia/Ho_Chi_Minh", 7*3600)

func (s GridSpec) complete() (GridSpec, error) {
	fill := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	fill(&s.PointsPerTransformer, 50)
	fill(&s.TransformersPerFeeder, 20)
	fill(&s.FeedersPerSubstation, 6)
	fill(&s.TransformersPerDCU, 2)
	share := func(field *float64, value float64) {
		if *field == 0 {
			*field = value
		}
		*field = max(*field, 0)
	}
	share(&s.Trade, 0.06)
	share(&s.ThreePhase, 0.05)
	if s.Climate == 0 {
		s.Climate = Vietnam
	}
	if s.From.IsZero() {
		s.From = time.Date(2020, 1, 1, 0, 0, 0, 0, Saigon)
	}
	s.From = s.From.UTC()
	if s.UsagePoints < 1 || s.UsagePoints > 20_000_000 {
		return s, fmt.Errorf("grid: %d usage points, 1 to 20 million can be generated", s.UsagePoints)
	}
	for name, n := range map[string]int{"points per transformer": s.PointsPerTransformer, "transformers per feeder": s.TransformersPerFeeder,
		"feeders per substation": s.FeedersPerSubstation, "transformers per gateway": s.TransformersPerDCU} {
		if n < 1 {
			return s, fmt.Errorf("grid: %d %s", n, name)
		}
	}
	return s, nil
}

// generator is a grid in the making.
type generator struct {
	spec      GridSpec
	seed      uint64
	grid      *Grid
	ids       arena
	names     []string
	streets   []string
	direct    int // meters so far that speak for themselves
	gateway   int32
	served    int // transformers of the current gateway
	districts int
	weights   []float64 // with Small: how many customers there are up to a transformer, of 1 each on average
}

// Generate makes a grid of spec.UsagePoints customers. The same spec and seed give the same grid.
func Generate(spec GridSpec, seed uint64) (*Grid, error) {
	spec, err := spec.complete()
	if err != nil {
		return nil, err
	}
	g := &generator{spec: spec, seed: seed, gateway: None,
		grid:  &Grid{Climate: spec.Climate, From: spec.From, Points: make([]Point, 0, spec.UsagePoints)},
		names: personNames(), streets: streetNames()}
	transformers := (spec.UsagePoints + spec.PointsPerTransformer - 1) / spec.PointsPerTransformer
	feeders := (transformers + spec.TransformersPerFeeder - 1) / spec.TransformersPerFeeder
	substations := (feeders + spec.FeedersPerSubstation - 1) / spec.FeedersPerSubstation
	g.districts = max(1, min(substations/3+1, len(districts)))
	g.weigh(transformers)
	g.organisations()
	// Parts are dealt out by proportion, so that the last ones are as large as the first.
	for s := range substations {
		from, to := feeders*s/substations, feeders*(s+1)/substations
		g.substation(s, substations, from, to, feeders, transformers)
	}
	if err := g.grid.index(); err != nil {
		return nil, err
	}
	return g.grid, g.grid.AddModbus(spec.Modbus, seed)
}

// organisations makes the corporation, one company and as many districts as the substations need.
func (g *generator) organisations() {
	g.grid.Organisations = []Organisation{
		{ID: "EVNCPC", Name: "Tổng công ty Điện lực miền Trung", Kind: "corporation", Parent: None},
		{ID: "QNPC", Name: "Công ty Điện lực Quảng Nam", Kind: "company", Parent: 0},
	}
	for i := range g.districts {
		g.grid.Organisations = append(g.grid.Organisations,
			Organisation{ID: fmt.Sprintf("QNPC%02d", i+1), Name: "Điện lực " + districts[i], Kind: "district", Parent: 1})
	}
}

func (g *generator) node(n Node) int32 {
	g.grid.Nodes = append(g.grid.Nodes, n)
	return int32(len(g.grid.Nodes) - 1)
}

const allPhases = headend.L1 | headend.L2 | headend.L3

// substation makes substation s with the feeders from up to to.
func (g *generator) substation(s, substations, from, to, feeders, transformers int) {
	district := g.districts * s / substations
	place := districts[district]
	name := "TBA 110kV " + place
	if nth := s - (substations*district+g.districts-1)/g.districts; nth > 0 {
		name = fmt.Sprintf("%s %d", name, nth+1)
	}
	code := fmt.Sprintf("E%d", 151+s) // as the 110 kV substations of the region are numbered: E15.1, E15.2
	node := g.node(Node{ID: code, Name: name, Kind: NodeSubstation, Parent: None, Organisation: int32(2 + district), RatedKVA: 40000, Phases: allPhases})
	for f := from; f < to; f++ {
		number := 471 + 2*(f-from) // 22 kV feeders have odd numbers from 471
		g.feeder(fmt.Sprintf("%d%s", number, code), number, node, district, transformers*f/feeders, transformers*(f+1)/feeders, transformers)
	}
}

// feeder makes a feeder of sections in a row, each behind a recloser, with fused laterals, and hangs the
// transformers from up to to on them.
func (g *generator) feeder(code string, number int, substation int32, district, from, to, transformers int) {
	d := draw(mixText(g.seed, "feeder "+code))
	organisation := int32(2 + district)
	feeder := g.node(Node{ID: code, Name: fmt.Sprintf("Xuất tuyến %d/%s", number, g.grid.Nodes[substation].ID), Kind: NodeFeeder,
		Parent: substation, Organisation: organisation, RatedKVA: 10000, Phases: allPhases})
	count := to - from
	sections := max(1, min(4, count/7))
	section := feeder
	laterals := 0
	g.gateway = None // a gateway does not serve two feeders
	for i := range sections {
		if i > 0 {
			section = g.node(Node{ID: fmt.Sprintf("%s-REC%d", code, i), Name: fmt.Sprintf("Recloser %s-%d", code, i),
				Kind: NodeSwitch, Parent: section, Organisation: organisation, Phases: allPhases})
		}
		for t := from + count*i/sections; t < from+count*(i+1)/sections; {
			here := min(1+d.below(5), from+count*(i+1)/sections-t)
			above := section
			if here > 1 { // a lateral behind a fuse; a single transformer hangs on the trunk
				laterals++
				above = g.node(Node{ID: fmt.Sprintf("%s-FCO%02d", code, laterals), Name: fmt.Sprintf("Nhánh rẽ %s/%d", code, laterals),
					Kind: NodeSwitch, Parent: section, Organisation: organisation, Phases: allPhases})
			}
			for range here {
				g.transformer(code, t-from+1, above, district, t, transformers)
				t++
			}
		}
	}
}

var ratings = [...]float64{50, 75, 100, 160, 180, 250, 320, 400, 560, 630}

// transformer makes transformer t of all, its gateway where a new one begins, and its usage points.
func (g *generator) transformer(feeder string, number int, above int32, district, t, transformers int) {
	d := draw(mix2(g.seed^0x7472616e73, uint64(t)))
	count := g.pointsOf(t, transformers)
	rated := ratings[len(ratings)-1]
	for _, kva := range ratings {
		if kva >= float64(count)*2.2+15 { // what Vietnamese practice gives a household, with a reserve
			rated = kva
			break
		}
	}
	commune := communes[mix2(g.seed^0x636f6d6d756e65, uint64(district)<<32|uint64(number/4))%uint64(len(communes))]
	node := g.node(Node{ID: fmt.Sprintf("%s-T%03d", feeder, number), Name: fmt.Sprintf("TBA %s %d", commune, number), Kind: NodeTransformer,
		Parent: above, Organisation: int32(2 + district), RatedKVA: rated, Phases: allPhases})
	if g.gateway == None || g.served >= g.spec.TransformersPerDCU {
		id := headend.DeviceID(fmt.Sprintf("DCU-%s-%03d", feeder, number))
		g.grid.Gateways = append(g.grid.Gateways, Gateway{ID: id, Password: secret(g.seed, string(id)), Node: node})
		g.gateway, g.served = int32(len(g.grid.Gateways)-1), 0
	}
	g.served++
	street := d.below(len(g.streets))
	for i := range count {
		g.point(&d, node, district, g.streets[(street+i/40)%len(g.streets)], commune, i)
	}
}

// pointsOf is how many usage points transformer t has: around the mean, between a half and one and a half, exact in sum.
func (g *generator) pointsOf(t, transformers int) int {
	edge := func(t int) int { // where the points of transformer t begin
		if g.weights != nil {
			return int(g.weights[t] / g.weights[transformers] * float64(g.spec.UsagePoints))
		}
		if t == 0 || t == transformers {
			return g.spec.UsagePoints * t / transformers
		}
		shift := (unit(mix2(g.seed^0x65646765, uint64(t))) - 0.5) / 2
		return int((float64(t) + shift) * float64(g.spec.UsagePoints) / float64(transformers))
	}
	return edge(t+1) - edge(t)
}

// weigh draws which transformers are small.
func (g *generator) weigh(transformers int) {
	if g.spec.Small <= 0 {
		return
	}
	g.weights = make([]float64, transformers+1)
	for t := range transformers {
		d := draw(mix2(g.seed^0x736d616c6c, uint64(t)))
		weight := 0.5 + d.unit()
		if d.unit() < g.spec.Small {
			weight = 0.1 * d.unit()
		}
		g.weights[t+1] = g.weights[t] + weight
	}
}

// point makes the next usage point: house i+1 of a street.
func (g *generator) point(d *draw, node int32, district int, street, commune string, i int) {
	n := len(g.grid.Points)
	p := Point{Node: node, Organisation: int32(2 + district), Gateway: g.gateway, Phases: headend.L1 << (i % 3)}
	p.ID = g.ids.text("PP05", d2(district+1), d8(n+1)) // like 14-character customer codes of EVN: company, district, number
	p.Name = g.names[d.below(len(g.names))]
	p.Address = g.ids.text("Số ", dn(i+1), " ", street, ", ", commune, ", ", districts[district])
	if p.characterise(&g.spec); p.Customer == Trade {
		p.Name = shopNames[d.below(len(shopNames))] + p.Name
	}
	if d.unit() < g.spec.ThreePhase {
		p.Phases = allPhases
	}
	if d.unit() >= g.spec.Unmetered {
		p.Meter = headend.DeviceID(g.ids.text("M", d2(20+d.below(6)), d8(n+1)))
		if due := g.spec.Direct * (n + 1) / g.spec.UsagePoints; g.direct < due {
			g.direct++
			p.Gateway = None
			p.Password = secret(g.seed, string(p.Meter))
		}
	} else {
		p.Gateway = None
	}
	g.grid.Points = append(g.grid.Points, p)
}

// characterise draws what no register of a utility says: the sort of customer and the length of the line. It
// depends on the id alone, so that a grid read from files behaves as the one they were written from.
func (p *Point) characterise(spec *GridSpec) {
	d := draw(mixText(0x706f696e74, p.ID))
	p.Length = float32(20 + 480*d.unit()*d.unit())
	p.Customer = Household
	switch kind := d.unit(); {
	case kind < spec.Trade:
		p.Customer = Trade
	case kind < spec.Trade+spec.Solar:
		p.Customer = SolarHousehold
	}
}

// secret is a device's MQTT password, 24 characters.
func secret(seed uint64, id string) string {
	const letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	d := draw(mixText(seed^0x736563726574, id))
	b := make([]byte, 24)
	for i := range b {
		b[i] = letters[d.below(len(letters))]
	}
	return string(b)
}
