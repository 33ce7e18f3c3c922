package importer

import (
	"io"
	"iter"
	"strings"

	"lastgasp/headend"
)

var planColumns = []string{"id", "kind", "node", "usage_points", "from", "to", "reason", "notice", "status"}

// maxPlanPoints bounds the usage points one line of a plan names; a plan for more names their node.
const maxPlanPoints = 10_000

// Plans reads a file of planned cuts and work. usage_points are separated by semicolons; status is planned, which is
// also meant where it is empty, or cancelled.
func Plans(r io.Reader, format Format) iter.Seq2[headend.Line[headend.Plan], error] {
	return read(r, format, planColumns, func(f *fields) headend.Plan {
		p := headend.Plan{ID: f.id(0),
			Kind: headend.PlanKind(f.oneOf(1, string(headend.PlanCut), string(headend.PlanExchange), string(headend.PlanLaboratory), string(headend.PlanFirmware))),
			Node: f.optionalID(2), UsagePoints: f.ids(3), From: f.moment(4), To: f.moment(5), Reason: f.text(6, maxText), Notice: f.moment(7)}
		p.Dropped = f.values[8] != "" && f.oneOf(8, "planned", "cancelled") == "cancelled"
		switch {
		case p.Node == "" && len(p.UsagePoints) == 0:
			f.refuse("neither node nor usage_points says where it is")
		case p.From.IsZero() || p.To.IsZero():
			f.refuse("from and to are needed")
		case !p.To.After(p.From):
			f.refuse("to %s is not after from %s", f.shown(5), f.shown(4))
		}
		return p
	})
}

// ids are ids separated by semicolons, each once.
func (f *fields) ids(i int) []string {
	all := []string{}
	if f.values[i] == "" {
		return all
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(f.values[i], ";") {
		if part = strings.TrimSpace(part); part == "" || seen[part] {
			continue
		}
		one := fields{format: f.format, columns: []string{f.columns[i]}, values: []string{part}}
		id := one.id(0)
		if one.fault != "" {
			f.refuse("%s", one.fault)
			return nil
		}
		if len(all) == maxPlanPoints {
			f.refuse("%s has more than %d ids; name their node instead", f.columns[i], maxPlanPoints)
			return nil
		}
		seen[part] = true
		all = append(all, id)
	}
	return all
}
