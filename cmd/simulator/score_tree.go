package main

import "lastgasp/simulator"

// tree is which node supplies which, and how many usage points each supplies.
type tree struct {
	parent map[string]string
	kind   map[string]string
	count  map[string]int // usage points below
	hangs  map[string]string
}

func newTree() *tree {
	return &tree{parent: map[string]string{}, kind: map[string]string{}, count: map[string]int{}, hangs: map[string]string{}}
}

// hang adds a usage point. The nodes above it must be known.
func (t *tree) hang(point, node string) {
	t.hangs[point] = node
	for ; node != ""; node = t.parent[node] {
		t.count[node]++
	}
}

// treeOf is the tree of a simulated grid.
func treeOf(g *simulator.Grid) *tree {
	t := newTree()
	for i := range g.Nodes {
		n := &g.Nodes[i]
		t.kind[n.ID] = n.Kind
		if n.Parent != simulator.None {
			t.parent[n.ID] = g.Nodes[n.Parent].ID
		}
	}
	for i := range g.Points {
		t.hang(g.Points[i].ID, g.Nodes[g.Points[i].Node].ID)
	}
	return t
}

// above tells whether a node is the other or supplies it, and over how many levels at which usage points join: a level
// that adds none cannot be told from the one below by anybody.
func (t *tree) above(node, below string) (levels int, ok bool) {
	for below != node {
		up := t.parent[below]
		if up == "" {
			return 0, false
		}
		if t.count[up] != t.count[below] {
			levels++
		}
		below = up
	}
	return levels, true
}

// apart is how many levels lie between two nodes of which one supplies the other; false where neither does.
func (t *tree) apart(a, b string) (levels int, ok bool) {
	if levels, ok = t.above(a, b); ok {
		return levels, true
	}
	return t.above(b, a)
}
