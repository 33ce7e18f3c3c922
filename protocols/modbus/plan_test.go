package modbus

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The planner's cover is legal, and no division of the registers into requests, tried one and all, has fewer
// requests or as many with fewer registers.
func TestPlanIsMinimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := limits{registers: rapid.IntRange(4, 24).Draw(t, "most"), bits: rapid.IntRange(16, 64).Draw(t, "bits"), gap: rapid.IntRange(0, 12).Draw(t, "gap")}
		var spans []span
		for range rapid.IntRange(1, 7).Draw(t, "registers") {
			s := span{byte(rapid.SampledFrom([]int{1, 3}).Draw(t, "function")), rapid.IntRange(0, 60).Draw(t, "address"), rapid.SampledFrom([]int{1, 2, 4}).Draw(t, "count")}
			clash := slices.ContainsFunc(spans, func(o span) bool {
				return o.function == s.function && o != s && s.address < o.address+o.count && o.address < s.address+s.count
			})
			if !clash {
				spans = append(spans, s)
			}
		}
		requests, in := merge(spans, l)
		registers := 0
		for _, q := range requests {
			registers += int(q.count)
		}
		for i, s := range spans {
			q := requests[in[i]]
			if q.function != s.function || s.address < int(q.address) || s.address+s.count > int(q.address)+int(q.count) {
				t.Fatalf("%+v is not in %+v", s, q)
			}
		}
		for i := range requests {
			var members []span
			for j, s := range spans {
				if in[j] == i {
					members = append(members, s)
				}
			}
			if _, legal := coverOf(members, l); !legal {
				t.Fatalf("request %+v of %+v is beyond the limits %+v", requests[i], members, l)
			}
		}
		best, fewest := bruteForce(spans, l)
		if len(requests) != best || registers != fewest {
			t.Fatalf("%d requests of %d registers, brute force found %d of %d for %+v within %+v", len(requests), registers, best, fewest, spans, l)
		}
	})
}

// coverOf is how many registers one request for members takes, and whether it may be made.
func coverOf(members []span, l limits) (int, bool) {
	sorted := slices.Clone(members)
	slices.SortFunc(sorted, func(a, b span) int { return a.address - b.address })
	most, gap := l.of(sorted[0].function)
	last := sorted[0]
	for _, s := range sorted[1:] {
		if s.function != last.function || s.address-last.address-last.count > gap {
			return 0, false
		}
		last = s
	}
	n := last.address + last.count - sorted[0].address
	return n, n <= most
}

// bruteForce tries every partition of spans.
func bruteForce(spans []span, l limits) (requests, registers int) {
	requests = len(spans) + 1
	var parts [][]span
	var try func(i int)
	try = func(i int) {
		if len(parts) > requests {
			return
		}
		if i == len(spans) {
			total := 0
			for _, members := range parts {
				n, legal := coverOf(members, l)
				if !legal {
					return
				}
				total += n
			}
			if len(parts) < requests || len(parts) == requests && total < registers {
				requests, registers = len(parts), total
			}
			return
		}
		for k := range parts {
			parts[k] = append(parts[k], spans[i])
			try(i + 1)
			parts[k] = parts[k][:len(parts[k])-1]
		}
		parts = append(parts, []span{spans[i]})
		try(i + 1)
		parts = parts[:len(parts)-1]
	}
	try(0)
	return requests, registers
}

// What the shipped meters cost: the figures in the table are the fewest possible by the property above.
func TestPlanOfShippedProfiles(t *testing.T) {
	for _, c := range []struct {
		model, group string
		requests     int
	}{
		{"eastron_sdm630", "live", 2}, {"eastron_sdm630", "energy", 2}, {"eastron_sdm120", "live", 2}, {"sel_751a", "state", 1},
		{"inepro_pro380", "energy", 1}, {"sunspec_203", "live", 1}, {"sunspec_203", "energy", 2}, {"carlogavazzi_em24", "live", 1},
	} {
		p := profileOf(t, c.model)
		pl := newPlan(p, p.inGroup(p.group(c.group)), 0, p.limits())
		if len(pl.requests) != c.requests {
			t.Errorf("%s %s: %s, want %d requests", c.model, c.group, pl.ranges, c.requests)
		}
	}
}
