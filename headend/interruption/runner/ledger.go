package runner

import (
	"encoding/json"
	"fmt"

	"lastgasp/headend"
	"lastgasp/headend/interruption"
)

// stateWords are the states of outages as the store keeps them.
var stateWords = map[interruption.State]headend.OutageState{interruption.Suspected: headend.OutageSuspected, interruption.Confirmed: headend.OutageConfirmed,
	interruption.Restored: headend.OutageRestored, interruption.Closed: headend.OutageClosed}

var stateNumbers = map[headend.OutageState]interruption.State{headend.OutageSuspected: interruption.Suspected, headend.OutageConfirmed: interruption.Confirmed,
	headend.OutageRestored: interruption.Restored, headend.OutageClosed: interruption.Closed}

// outage is a detector's outage in the words of the store.
func (g *Grid) outage(o *interruption.Outage) headend.Outage {
	out := headend.Outage{Number: int64(o.ID), State: stateWords[o.State], Part: o.Part, Phases: o.Phases, Start: o.Start, End: o.End, Odds: o.Odds,
		Cause: o.Cause, Planned: o.Planned, Own: o.Own, Declared: o.Declared, Plan: o.Plan, Notice: o.Notice, Overrun: o.Overrun,
		Customers: o.Points, Out: o.Out, Seen: o.Seen, Summary: o.Summary, Trail: o.Trail}
	if o.Node != interruption.NoNode {
		out.Node = g.Network.NodeID(o.Node)
	} else {
		out.UsagePoint = g.Network.PointID(o.Point)
	}
	for _, s := range o.Steps {
		out.Steps = append(out.Steps, headend.OutageStep{At: s.At, Back: s.Back, Still: s.Still, Node: g.Network.NodeID(s.Node)})
	}
	return out
}

// told is an outage of the store as the detector told it; false where the network has lost its place.
func (g *Grid) told(o *headend.Outage) (interruption.Outage, bool) {
	out := interruption.Outage{ID: uint64(o.Number), State: stateNumbers[o.State], Node: interruption.NoNode, Point: interruption.NoPoint, Part: o.Part,
		Phases: o.Phases, Start: o.Start, End: o.End, Odds: o.Odds, Cause: o.Cause, Planned: o.Planned, Own: o.Own, Declared: o.Declared,
		Plan: o.Plan, Notice: o.Notice, Overrun: o.Overrun, Points: o.Customers, Out: o.Out, Seen: o.Seen, Summary: o.Summary, Trail: o.Trail}
	ok := false
	if o.Node != "" {
		out.Node, ok = g.Network.Node(o.Node)
	} else {
		out.Point, ok = g.Network.Point(o.UsagePoint)
	}
	for _, s := range o.Steps {
		node, known := g.Network.Node(s.Node)
		if !known {
			node = interruption.NoNode
		}
		out.Steps = append(out.Steps, interruption.Step{At: s.At, Back: s.Back, Still: s.Still, Node: node})
	}
	return out, ok
}

// row is a detector's interruption in the words of the store.
func (g *Grid) row(r *interruption.Interruption, withdrawn bool) headend.LedgerRow {
	return headend.LedgerRow{
		Interruption: headend.Interruption{UsagePoint: g.number[r.Point], ID: int64(r.ID), Outage: int64(r.Outage), Start: r.Start, End: r.End,
			Phases: r.Phases, Cause: r.Cause, Planned: r.Planned, Own: r.Own, Declared: r.Declared, Inferred: !r.Observed, Withdrawn: withdrawn, Reason: r.Reason},
		Point: g.Network.PointID(r.Point), NotBefore: r.NotBefore, StartBy: headend.Basis(r.StartBy), EndBy: headend.Basis(r.EndBy)}
}

// toldRow is a row of the store as the detector told it; false where the network has no such usage point.
func (g *Grid) toldRow(r *headend.LedgerRow) (interruption.Interruption, bool) {
	point := g.point(r.UsagePoint)
	return interruption.Interruption{ID: uint64(r.ID), Point: point, Outage: uint64(r.Outage), Start: r.Start, End: r.End, NotBefore: r.NotBefore,
		StartBy: interruption.Basis(r.StartBy), EndBy: interruption.Basis(r.EndBy), Phases: r.Phases, Observed: !r.Inferred, Planned: r.Planned,
		Cause: r.Cause, Own: r.Own, Declared: r.Declared, Revision: 1, Reason: r.Reason}, point != interruption.NoPoint
}

// snapshot is what the store kept, for a detector of this grid. What belongs to places the registry has lost is told
// by lost.
func (g *Grid) snapshot(d *headend.Detection) (s interruption.Snapshot, lost int, err error) {
	s = interruption.Snapshot{Now: d.Now, NextID: d.NextOutage, NextRow: d.NextRow, ReplayFrom: d.ReplayFrom}
	if len(d.Storm) > 0 {
		if err := json.Unmarshal(d.Storm, &s.Storm); err != nil {
			return s, 0, fmt.Errorf("stored state of the storm: %w", err)
		}
		s.Storm.Highest = nil // numbers of nodes are of another network
	}
	for i := range d.Outages {
		if o := &d.Outages[i]; o.Number > 0 && o.State != headend.OutageWithdrawn {
			if told, ok := g.told(o); ok {
				s.Outages = append(s.Outages, told)
			} else {
				lost++
			}
		}
	}
	for i := range d.Rows {
		if r := &d.Rows[i]; r.ID > 0 && !r.Withdrawn {
			if told, ok := g.toldRow(r); ok {
				s.Interruptions = append(s.Interruptions, told)
			} else {
				lost++
			}
		}
	}
	return s, lost, nil
}
