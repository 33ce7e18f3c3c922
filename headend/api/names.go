package api

import (
	"context"
	"sync"
	"time"

	"lastgasp/headend"
)

// names knows what nodes and usage points are called and which feeder they hang on, so that a list of outages is not a list of
// ids. What was looked up holds for a minute.
type names struct {
	registry Supply
	mu       sync.Mutex
	known    map[namedPlace]placeUntil
}

type namedPlace struct{ part, node, usagePoint string }

type placeUntil struct {
	place headend.Place
	until time.Time
}

// mostNames bounds what is remembered.
const mostNames = 50_000

// placeOf is what an outage is named by for who sees a part of the organisation: its node, or its usage point where there is no
// node.
func placeOf(part string, o *headend.Outage) namedPlace {
	if o.Node != "" {
		return namedPlace{part: part, node: o.Node}
	}
	return namedPlace{part: part, usagePoint: o.UsagePoint}
}

// of gives the places of outages, in their order; without a name where the registry has none.
func (n *names) of(ctx context.Context, outages []headend.Outage) ([]headend.Place, error) {
	now, part := time.Now(), headend.PrincipalOf(ctx).Part()
	out := make([]headend.Place, len(outages))
	missing := map[namedPlace][]int{}
	var nodes, points []string
	n.mu.Lock()
	for i := range outages {
		key := placeOf(part, &outages[i])
		if known, ok := n.known[key]; ok && now.Before(known.until) {
			out[i] = known.place
			continue
		}
		if missing[key] == nil {
			if key.node != "" {
				nodes = append(nodes, key.node)
			} else {
				points = append(points, key.usagePoint)
			}
		}
		missing[key] = append(missing[key], i)
	}
	n.mu.Unlock()
	if len(missing) == 0 {
		return out, nil
	}
	found, err := n.registry.Places(ctx, nodes, points)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil || len(n.known)+len(missing) > mostNames {
		n.known = map[namedPlace]placeUntil{}
	}
	for key := range missing { // what the registry no longer has, has no name
		n.known[key] = placeUntil{headend.Place{Node: key.node, UsagePoint: key.usagePoint}, now.Add(time.Minute)}
	}
	for _, p := range found {
		n.known[namedPlace{part, p.Node, p.UsagePoint}] = placeUntil{p, now.Add(time.Minute)}
	}
	for key, at := range missing {
		for _, i := range at {
			out[i] = n.known[key].place
		}
	}
	return out, nil
}
