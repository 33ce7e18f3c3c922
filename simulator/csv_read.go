package simulator

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"lastgasp/headend"
)

// Load reads a grid: a folder with the four CSV files, or a topology.json of the IEEE European LV or the
// IEEE 123 bus feeder. Of spec only Climate, Solar and Trade count: what no file says.
// Rows with a value in `to` are history and left out. Errors name the file and the line.
func Load(path string, spec GridSpec) (*Grid, error) {
	spec.UsagePoints = 1
	spec, err := spec.complete()
	if err != nil {
		return nil, err
	}
	if filepath.Ext(path) == ".json" {
		return loadTopology(path, &spec)
	}
	l := &loader{dir: path, spec: &spec, grid: &Grid{Climate: spec.Climate},
		organisations: map[string]int32{}, nodes: map[string]int32{}, gateways: map[string]int32{}, points: map[string]int32{}, units: map[[2]int32]headend.DeviceID{}}
	for _, step := range []func() error{l.readOrganisations, l.readNetwork, l.readPoints, l.readDevices} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return l.grid, l.grid.index()
}

// loader is a grid in the reading; the maps lead from ids to indices.
type loader struct {
	dir  string
	spec *GridSpec
	grid *Grid

	organisations, nodes, gateways, points map[string]int32
	units                                  map[[2]int32]headend.DeviceID // by port and number
}

// rows calls row for every line of a file that is still valid, in order.
func (l *loader) rows(name string, row func(r []string) error) error {
	path := filepath.Join(l.dir, name)
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(readTable(file, path, csvHeaders[name], func(r []string) error {
		from, err := parseDate(r[len(r)-2])
		if err != nil {
			return fmt.Errorf("from: %w", err)
		}
		if r[len(r)-1] != "" {
			return nil
		}
		if from.After(l.grid.From) { // all of it is valid only when the last part is
			l.grid.From = from
		}
		return row(r)
	}), file.Close())
}

// readTable reads CSV with exactly this header.
func readTable(from io.Reader, name string, header []string, row func([]string) error) error {
	r := csv.NewReader(from)
	r.ReuseRecord = true
	first, err := r.Read()
	if err != nil {
		return fmt.Errorf("%s: no header: %w", name, err)
	}
	if !slices.Equal(first, header) && !(slices.Contains(header, "usage_point") && slices.Equal(first, append(slices.Clone(header), nodeColumn))) {
		return fmt.Errorf("%s: header is %q, want %q", name, strings.Join(first, ","), strings.Join(header, ","))
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := row(record[:len(header)]); err != nil { // the node of a feeder device follows from its id
			line, _ := r.FieldPos(0)
			return fmt.Errorf("%s line %d: %w", name, line, err)
		}
	}
}

func parseDate(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, Saigon)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither RFC 3339 nor a date", s)
	}
	return t.UTC(), nil
}

// find looks an id up; "" is None.
func find(what, id string, in map[string]int32) (int32, error) {
	if id == "" {
		return None, nil
	}
	i, ok := in[id]
	if !ok {
		return None, fmt.Errorf("%s %q is not known", what, id)
	}
	return i, nil
}

// tree is the rows of a file whose rows name each other as parents, put in order: parents first.
func tree(rows [][]string, parent int, what string) ([][]string, error) {
	below := map[string][][]string{}
	known := map[string]bool{}
	for _, r := range rows {
		if known[r[0]] {
			return nil, fmt.Errorf("%s %q stands there twice", what, r[0])
		}
		known[r[0]] = true
		below[r[parent]] = append(below[r[parent]], r)
	}
	sorted := make([][]string, 0, len(rows))
	var down func(string)
	down = func(id string) {
		for _, r := range below[id] {
			sorted = append(sorted, r)
			down(r[0])
		}
	}
	down("")
	if len(sorted) == len(rows) {
		return sorted, nil
	}
	for _, r := range rows {
		if !known[r[parent]] && r[parent] != "" {
			return nil, fmt.Errorf("%s %q: parent %q is not known", what, r[0], r[parent])
		}
	}
	return nil, fmt.Errorf("%ss are their own parents in a circle", what)
}

func (l *loader) readOrganisations() error {
	var rows [][]string
	if err := l.rows(OrganisationsFile, func(r []string) error { rows = append(rows, slices.Clone(r)); return nil }); err != nil {
		return err
	}
	sorted, err := tree(rows, 3, "organisation")
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(l.dir, OrganisationsFile), err)
	}
	for _, r := range sorted {
		parent, err := find("organisation", r[3], l.organisations)
		if err != nil {
			return err
		}
		l.organisations[r[0]] = int32(len(l.grid.Organisations))
		l.grid.Organisations = append(l.grid.Organisations, Organisation{ID: r[0], Name: r[1], Kind: r[2], Parent: parent})
	}
	return nil
}

func (l *loader) readNetwork() error {
	var rows [][]string
	err := l.rows(NetworkFile, func(r []string) error {
		switch r[2] {
		case NodeSubstation, NodeFeeder, NodeSwitch, NodeTransformer:
		default:
			return fmt.Errorf("kind %q is not substation, feeder, switch or transformer", r[2])
		}
		if kva, err := strconv.ParseFloat(r[5], 64); r[5] != "" && (err != nil || kva < 0 || math.IsInf(kva, 0) || math.IsNaN(kva)) {
			return fmt.Errorf("rated_kva %q is no rating", r[5])
		}
		if _, err := find("organisation", r[4], l.organisations); err != nil {
			return err
		}
		rows = append(rows, slices.Clone(r))
		return nil
	})
	if err != nil {
		return err
	}
	sorted, err := tree(rows, 3, "node")
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(l.dir, NetworkFile), err)
	}
	for _, r := range sorted {
		n := Node{ID: r[0], Name: r[1], Kind: r[2], Phases: allPhases}
		if n.Parent, err = find("node", r[3], l.nodes); err != nil {
			return err
		}
		if n.Organisation, err = find("organisation", r[4], l.organisations); err != nil {
			return err
		}
		if r[5] != "" {
			if n.RatedKVA, err = strconv.ParseFloat(r[5], 64); err != nil {
				return err
			}
		}
		l.nodes[n.ID] = int32(len(l.grid.Nodes))
		l.grid.Nodes = append(l.grid.Nodes, n)
	}
	return nil
}

func (l *loader) readPoints() error {
	var texts arena
	err := l.rows(UsagePointsFile, func(r []string) error {
		p := Point{ID: texts.text(r[0]), Name: texts.text(r[1]), Address: texts.text(r[2]), Gateway: None}
		var err error
		if p.Node, err = find("node", r[3], l.nodes); err != nil {
			return err
		}
		if p.Node == None {
			return fmt.Errorf("usage point %q hangs on no node", p.ID)
		}
		if p.Organisation, err = find("organisation", r[4], l.organisations); err != nil {
			return err
		}
		if p.Phases, err = parsePhases(r[5]); err != nil {
			return err
		}
		p.characterise(l.spec)
		l.grid.Points = append(l.grid.Points, p)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(l.grid.Points, func(a, b Point) int { return int(a.Node) - int(b.Node) })
	for i, p := range l.grid.Points {
		if _, twice := l.points[p.ID]; twice {
			return fmt.Errorf("%s: usage point %q stands there twice", filepath.Join(l.dir, UsagePointsFile), p.ID)
		}
		l.points[p.ID] = int32(i)
	}
	return nil
}

func parsePhases(s string) (headend.Phases, error) {
	for i, text := range phaseTexts {
		if text == s && i > 0 {
			return headend.Phases(i), nil
		}
	}
	return 0, fmt.Errorf("phases %q is not a set such as L1 or L1,L2,L3", s)
}

// readDevices reads the device file twice, since a meter may stand before its gateway.
func (l *loader) readDevices() error {
	if err := l.rows(DevicesFile, l.gatewayRow); err != nil {
		return err
	}
	if err := l.rows(DevicesFile, l.meterRow); err != nil {
		return err
	}
	if err := l.rows(DevicesFile, l.unitRow); err != nil {
		return err
	}
	for i := range l.grid.Points { // a gateway stands where its first meter hangs
		if g := l.grid.Points[i].Gateway; g != None && l.grid.Gateways[g].Node == None {
			l.grid.Gateways[g].Node = l.grid.Points[i].Node
		}
	}
	return nil
}

func (l *loader) gatewayRow(r []string) error {
	if r[1] != string(headend.KindGateway) {
		return nil
	}
	id := strings.Clone(r[0])
	if err := headend.DeviceID(id).Validate(); err != nil {
		return err
	}
	l.gateways[id] = int32(len(l.grid.Gateways))
	l.grid.Gateways = append(l.grid.Gateways, Gateway{ID: headend.DeviceID(id), Password: strings.Clone(r[7]), Node: None})
	return nil
}

func (l *loader) meterRow(r []string) error {
	if r[1] != string(headend.KindMeter) || r[2] != "mqtt" {
		return nil // a unit, or of a protocol this package does not speak
	}
	if err := headend.DeviceID(r[0]).Validate(); err != nil {
		return err
	}
	i, err := find("usage point", r[6], l.points)
	if err != nil {
		return err
	}
	if i == None {
		return nil // in store, not installed
	}
	p := &l.grid.Points[i]
	if p.Meter != "" {
		return fmt.Errorf("usage point %q has two meters at once, %q and %q", p.ID, p.Meter, r[0])
	}
	p.Meter, p.Password = headend.DeviceID(strings.Clone(r[0])), strings.Clone(r[7])
	p.Gateway, err = find("gateway", r[5], l.gateways)
	return err
}
