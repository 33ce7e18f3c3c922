package reliability

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"lastgasp/headend"
)

// Unit numbers what interruptions are summed under within one Registry: an organisation or a node together with
// everything above it at the moment. A district that changes its company is another Unit afterwards, so that what
// happened before stays with the former one.
type Unit uint32

// Nowhere is the Unit of usage points that hang below nothing of the kind that was asked for.
const Nowhere Unit = 0

// PointVersion is a usage point from one time to another, with its number and its connected load.
type PointVersion struct {
	headend.UsagePoint
	Number uint32
	VA     int64 // connected load, volt-amperes; 0: not known
}

// Spec is the registry as accounting needs it. The same id with different times is a later version of the same thing.
type Spec struct {
	Organisations []headend.Organisation
	Nodes         []headend.Node
	Points        []PointVersion
}

// Registry tells where usage points belonged when. Views of it may be used at once, each by one goroutine.
type Registry struct {
	organisations tree
	nodes         tree
	first         []uint32 // by usage point number: where its versions begin
	points        []point

	mu    sync.Mutex
	units map[unitKey]Unit
	paths [][]string // by Unit: ids, the smallest first
}

// point is one version of a usage point.
type point struct {
	from, to     int64 // milliseconds
	va           int64
	node         int32
	organisation int32
	phases       headend.Phases
}

// maxDepth is how many levels a tree may have.
const maxDepth = 12

// unitKey is indices from a leaf up; -1 beyond the top. The last element tells organisations from nodes.
type unitKey [maxDepth + 1]int32

// tree is organisations or nodes, valid in time.
type tree struct {
	index    map[string]int32
	ids      []string
	versions [][]branch
}

type branch struct {
	from, to     int64
	parent       int32
	organisation int32
	kind         string
}

const (
	always = math.MinInt64
	ever   = math.MaxInt64
)

func millisOf(from, to time.Time) (int64, int64) {
	a, b := int64(always), int64(ever)
	if !from.IsZero() {
		a = from.UnixMilli()
	}
	if !to.IsZero() {
		b = to.UnixMilli()
	}
	return a, b
}

// NewRegistry takes a Spec. It refuses what contradicts itself: versions that overlap, parents that are not there,
// trees that lead back to themselves, numbers that are not dense. All faults are returned together.
func NewRegistry(s Spec) (*Registry, error) {
	r := &Registry{units: map[unitKey]Unit{}, paths: [][]string{nil}, organisations: newTree(), nodes: newTree()}
	var faults []error
	for i := range s.Organisations {
		r.organisations.name(s.Organisations[i].ID)
	}
	for i := range s.Nodes {
		r.nodes.name(s.Nodes[i].ID)
	}
	for i := range s.Organisations {
		o := &s.Organisations[i]
		faults = append(faults, r.organisations.put("organisation", o.ID, o.Parent, o.From, o.To, branch{kind: o.Kind, organisation: -1}))
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		organisation, err := r.organisations.find("node", n.ID, "organisation", n.Organisation)
		faults = append(faults, err, r.nodes.put("node", n.ID, n.Parent, n.From, n.To, branch{kind: n.Kind, organisation: organisation}))
	}
	faults = append(faults, r.organisations.check("organisation"), r.nodes.check("node"), r.putPoints(s.Points))
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return r, nil
}

func newTree() tree { return tree{index: map[string]int32{}} }

func (t *tree) name(id string) {
	if _, ok := t.index[id]; !ok {
		t.index[id] = int32(len(t.ids))
		t.ids = append(t.ids, id)
		t.versions = append(t.versions, nil)
	}
}

func (t *tree) find(what, who, kind, id string) (int32, error) {
	if id == "" {
		return -1, nil
	}
	if i, ok := t.index[id]; ok {
		return i, nil
	}
	return -1, fmt.Errorf("%s %q names %s %q, which is not there", what, who, kind, id)
}

func (t *tree) put(what, id, parent string, from, to time.Time, b branch) error {
	b.from, b.to = millisOf(from, to)
	if b.from >= b.to {
		return fmt.Errorf("%s %q is valid from %s until %s", what, id, from, to)
	}
	var err error
	if b.parent, err = t.find(what, id, "parent", parent); err != nil {
		return err
	}
	i := t.index[id]
	t.versions[i] = append(t.versions[i], b)
	return nil
}

// check sorts the versions and climbs from each of them once.
func (t *tree) check(what string) error {
	var faults []error
	for i, list := range t.versions {
		slices.SortFunc(list, func(a, b branch) int { return cmp.Compare(a.from, b.from) })
		for k := 1; k < len(list); k++ {
			if list[k].from < list[k-1].to {
				faults = append(faults, fmt.Errorf("%s %q has two versions at %s", what, t.ids[i], time.UnixMilli(list[k].from).UTC().Format(time.RFC3339)))
			}
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	for i, list := range t.versions {
		for k := range list {
			for ms := list[k].from; ; {
				up := t.climb(int32(i), ms)
				if up.deep {
					faults = append(faults, fmt.Errorf("%s %q: the way up leads back to itself, or over more than %d levels", what, t.ids[i], maxDepth))
					break
				}
				if up.to >= list[k].to {
					break
				}
				ms = up.to
			}
		}
	}
	return errors.Join(faults...)
}

// way is what stands above something at a moment, itself first, and from when to when that is so.
type way struct {
	nodes    [maxDepth]int32
	kinds    [maxDepth]string
	length   int
	from, to int64
	org      int32 // the first organisation on the way; -1: none
	deep     bool
}

func (t *tree) climb(i int32, ms int64) way {
	w := way{from: always, to: ever, org: -1}
	for i >= 0 {
		if w.length == maxDepth {
			w.deep = true
			return w
		}
		b, from, to := at2(t.versions[i], ms)
		w.from, w.to = max(w.from, from), min(w.to, to)
		if b == nil {
			return w // above this it is not known at that moment
		}
		w.nodes[w.length], w.kinds[w.length] = i, b.kind
		w.length++
		if w.org < 0 {
			w.org = b.organisation
		}
		i = b.parent
	}
	return w
}

// at2 is the version at a moment, nil where there is none, and from when to when that is so.
func at2(list []branch, ms int64) (b *branch, from, to int64) {
	i := sort.Search(len(list), func(i int) bool { return list[i].to > ms })
	from, to = always, ever
	if i > 0 {
		from = list[i-1].to
	}
	if i == len(list) {
		return nil, from, to
	}
	if ms < list[i].from {
		return nil, from, list[i].from
	}
	return &list[i], list[i].from, list[i].to
}

func (r *Registry) putPoints(list []PointVersion) error {
	if len(list) == 0 {
		return nil
	}
	order := make([]int32, len(list))
	highest := uint32(0)
	for i := range list {
		order[i] = int32(i)
		highest = max(highest, list[i].Number)
	}
	if int64(highest) > 64*int64(len(list))+1<<20 {
		return fmt.Errorf("usage points are numbered up to %d, and there are %d: numbers must be dense", highest, len(list))
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(list[a].Number, list[b].Number), list[a].From.Compare(list[b].From))
	})
	r.first = make([]uint32, int(highest)+2)
	r.points = make([]point, 0, len(list))
	var faults []error
	for _, i := range order {
		v := &list[i]
		p := point{va: v.VA, phases: v.Phases}
		p.from, p.to = millisOf(v.From, v.To)
		var errNode, errOrganisation error
		p.node, errNode = r.nodes.find("usage point", v.ID, "node", v.Node)
		p.organisation, errOrganisation = r.organisations.find("usage point", v.ID, "organisation", v.Organisation)
		faults = append(faults, errNode, errOrganisation)
		switch k := len(r.points); {
		case p.from >= p.to:
			faults = append(faults, fmt.Errorf("usage point %q is valid from %s until %s", v.ID, v.From, v.To))
		case p.va < 0:
			faults = append(faults, fmt.Errorf("usage point %q has a connected load of %d VA", v.ID, v.VA))
		case r.first[v.Number+1] > 0 && p.from < r.points[k-1].to:
			faults = append(faults, fmt.Errorf("usage point %q (number %d) has two versions at %s", v.ID, v.Number, v.From))
		}
		r.points = append(r.points, p)
		r.first[v.Number+1] = uint32(len(r.points))
	}
	for i := 1; i < len(r.first); i++ {
		r.first[i] = max(r.first[i], r.first[i-1])
	}
	return errors.Join(faults...)
}

// ByOrganisation is what View takes to sum by organisation; any other word is a kind of node.
const ByOrganisation = "organisation"

// View tells places by organisation (ByOrganisation) or by the nearest node of a kind at or above the usage point:
// "transformer", "feeder", "substation".
func (r *Registry) View(by string) *View {
	v := &View{registry: r, by: by, tree: &r.nodes}
	if by == ByOrganisation {
		v.tree = &r.organisations
	}
	v.near = make([]resolved, len(v.tree.ids))
	return v
}

// View is Places over a Registry. It keeps a memory, so it is for one goroutine.
type View struct {
	registry *Registry
	by       string
	tree     *tree
	near     []resolved // by leaf: the last answer
}

type resolved struct {
	from, to int64
	unit     Unit
	known    bool
}

// At tells where the usage point belonged.
func (v *View) At(usagePoint uint32, t time.Time) (Place, bool) {
	r, ms := v.registry, t.UnixMilli()
	if int64(usagePoint)+1 >= int64(len(r.first)) {
		return Place{}, false
	}
	for i := r.first[usagePoint]; i < r.first[usagePoint+1]; i++ {
		if p := &r.points[i]; p.from <= ms && ms < p.to {
			unit, _ := v.unitOf(p, ms)
			return Place{Unit: unit, Phases: p.phases, VA: p.va}, true
		}
	}
	return Place{}, false
}

// unitOf is the unit of a version of a usage point at a moment, and until when that is so.
func (v *View) unitOf(p *point, ms int64) (Unit, int64) {
	leaf, until := p.node, p.to
	if v.by == ByOrganisation {
		if leaf = p.organisation; leaf < 0 && p.node >= 0 {
			up := v.registry.nodes.climb(p.node, ms)
			leaf, until = up.org, min(until, up.to)
		}
	}
	if leaf < 0 {
		return Nowhere, until
	}
	if n := &v.near[leaf]; n.known && n.from <= ms && ms < n.to {
		return n.unit, min(until, n.to)
	}
	up := v.tree.climb(leaf, ms)
	n := resolved{from: up.from, to: up.to, unit: v.registry.unit(v.by, v.tree, &up), known: true}
	v.near[leaf] = n
	return n.unit, min(until, n.to)
}

// unit numbers a way up.
func (r *Registry) unit(by string, t *tree, up *way) Unit {
	first := 0
	if by != ByOrganisation {
		for first < up.length && up.kinds[first] != by {
			first++
		}
	}
	if first == up.length {
		return Nowhere
	}
	var key unitKey
	for i := range key {
		key[i] = -1
	}
	if by == ByOrganisation {
		key[maxDepth] = 1
	}
	copy(key[:maxDepth], up.nodes[first:up.length])
	var ids []string
	for _, i := range up.nodes[first:up.length] {
		ids = append(ids, t.ids[i])
	}
	return r.number(key, ids)
}

// UnitOf is the Unit of a path, the smallest id first, as Path gave it; false where an id is not in the registry. An
// empty path is Nowhere.
func (r *Registry) UnitOf(by string, path []string) (Unit, bool) {
	if len(path) == 0 {
		return Nowhere, true
	}
	if len(path) > maxDepth {
		return Nowhere, false
	}
	t, first := &r.nodes, unitKey{}
	if by == ByOrganisation {
		t = &r.organisations
	}
	for i := range first {
		first[i] = -1
	}
	if by == ByOrganisation {
		first[maxDepth] = 1
	}
	for i, id := range path {
		k, ok := t.index[id]
		if !ok {
			return Nowhere, false
		}
		first[i] = k
	}
	return r.number(first, path), true
}

// number gives a way up its Unit.
func (r *Registry) number(key unitKey, path []string) Unit {
	r.mu.Lock()
	defer r.mu.Unlock()
	if unit, ok := r.units[key]; ok {
		return unit
	}
	r.paths = append(r.paths, slices.Clone(path))
	unit := Unit(len(r.paths) - 1)
	r.units[key] = unit
	return unit
}

// Path is the ids of a unit and all above it, the smallest first; nil for Nowhere. It must not be changed.
func (r *Registry) Path(u Unit) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if int(u) >= len(r.paths) {
		return nil
	}
	return r.paths[u]
}

// Members are the units that are, or are below, an organisation or node by the view it was numbered under.
func (r *Registry) Members(by, id string) []Unit {
	r.mu.Lock()
	defer r.mu.Unlock()
	organisation := by == ByOrganisation
	var out []Unit
	for key, unit := range r.units {
		if (key[maxDepth] == 1) == organisation && slices.Contains(r.paths[unit], id) {
			out = append(out, unit)
		}
	}
	slices.Sort(out)
	return out
}
