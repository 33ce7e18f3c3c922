package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"lastgasp/headend"
)

// names knows what nodes and usage points are called, so that a list of outages is not a list of ids. What
// was looked up holds for a minute.
type names struct {
	registry Registry
	mu       sync.Mutex
	known    map[namedPlace]nameUntil
}

type namedPlace struct{ node, usagePoint string }

type nameUntil struct {
	name  string
	until time.Time
}

// mostNames bounds what is remembered.
const mostNames = 50_000

// of is the name of a node, or of a usage point where there is no node; "" where it has none.
func (n *names) of(ctx context.Context, node, usagePoint string) (string, error) {
	key := namedPlace{node: node}
	if node == "" {
		key.usagePoint = usagePoint
	}
	now := time.Now()
	n.mu.Lock()
	known, ok := n.known[key]
	n.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.name, nil
	}
	name, err := n.lookUp(ctx, key)
	var unknown *headend.Unknown
	if err != nil && !errors.As(err, &unknown) { // what the registry no longer has, has no name
		return "", err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil || len(n.known) >= mostNames {
		n.known = map[namedPlace]nameUntil{}
	}
	n.known[key] = nameUntil{name, now.Add(time.Minute)}
	return name, nil
}

func (n *names) lookUp(ctx context.Context, key namedPlace) (string, error) {
	switch {
	case key.node != "":
		versions, err := n.registry.Node(ctx, key.node)
		if err != nil || len(versions) == 0 {
			return "", err
		}
		return versions[len(versions)-1].Name, nil
	case key.usagePoint != "":
		history, err := n.registry.UsagePoint(ctx, key.usagePoint)
		if err != nil || len(history.Versions) == 0 {
			return "", err
		}
		return history.Versions[len(history.Versions)-1].Name, nil
	}
	return "", nil
}
