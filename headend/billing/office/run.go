package office

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

// pointsAtOnce is how many usage points of a run are in memory together: some 2 MB each with a register every half hour.
const pointsAtOnce = 50

// MostQuantities bounds a run.
const MostQuantities = 4

// Ask checks what a run is to be about and stores that it is wanted. It returns *headend.BadRequest or *headend.Unknown for
// what cannot be made.
func (o *Office) Ask(ctx context.Context, run headend.BillingRun) (headend.BillingRun, error) {
	if len(run.Quantities) == 0 {
		run.Quantities = []headend.Quantity{headend.ImportWh}
	}
	slices.Sort(run.Quantities)
	run.Quantities = slices.Compact(run.Quantities)
	if len(run.Quantities) > MostQuantities {
		return run, &headend.BadRequest{Reason: fmt.Sprintf("%d quantities; a run has at most %d", len(run.Quantities), MostQuantities)}
	}
	for _, q := range run.Quantities {
		if !q.IsEnergy() {
			return run, &headend.Unknown{What: "energy register", ID: string(q)}
		}
	}
	if err := o.past(billing.Period{From: run.From, To: run.To}); err != nil {
		return run, err
	}
	if run.Gate != nil {
		gate, err := gateOf(run.Gate)
		if err != nil {
			return run, err
		}
		if run.Gate, err = json.Marshal(gate); err != nil {
			return run, err
		}
	}
	if err := o.known(ctx, &run.Set); err != nil {
		return run, err
	}
	return o.store.AskRun(ctx, run)
}

// longestPeriod bounds what can be asked about at once.
const longestPeriod = 400 * 24 * time.Hour

// past returns *headend.BadRequest for a period that is none, too long, or not over.
func (o *Office) past(p billing.Period) error {
	if err := p.Past(o.now()); err != nil {
		return &headend.BadRequest{Reason: strings.TrimPrefix(err.Error(), billing.ErrPeriod.Error()+": ")}
	}
	if p.Length() > longestPeriod {
		return &headend.BadRequest{Reason: fmt.Sprintf("%d days; at most %d can be asked about at once", int(p.Length()/(24*time.Hour)), int(longestPeriod/(24*time.Hour)))}
	}
	return nil
}

func gateOf(text json.RawMessage) (billing.Gate, error) {
	var gate billing.Gate
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&gate); err != nil {
		return gate, &headend.BadRequest{Reason: "gate: " + err.Error()}
	}
	if err := gate.Validate(); err != nil {
		return gate, &headend.BadRequest{Reason: "gate: " + err.Error()}
	}
	return gate, nil
}

// known checks that the usage points of a set are there, and puts them in order.
func (o *Office) known(ctx context.Context, set *headend.BillingSet) error {
	if set.UsagePoints == nil {
		return nil
	}
	set.UsagePoints = slices.Compact(slices.Sorted(slices.Values(set.UsagePoints)))
	return o.store.ReadBilling(ctx, func(b headend.BillingSnapshot) error {
		found, err := b.Points(ctx, headend.BillingSet{UsagePoints: set.UsagePoints}, "", len(set.UsagePoints))
		if err != nil {
			return err
		}
		for i, id := range set.UsagePoints {
			if i >= len(found) || found[i].ID != id {
				return &headend.Unknown{What: "usage point", ID: id}
			}
		}
		return nil
	})
}

// MakeWaiting makes the runs that wait.
func (o *Office) MakeWaiting(ctx context.Context) error {
	for ctx.Err() == nil {
		if _, made, err := o.Make(ctx, 0, nil); err != nil || !made {
			return err
		}
	}
	return ctx.Err()
}

// Make makes the run with a number, 0 for the oldest that waits; made is false when there is none that nobody else makes. Progress,
// when given, is told after each group of usage points how many have been gone through.
func (o *Office) Make(ctx context.Context, number int64, progress func(points int)) (run headend.BillingRun, made bool, err error) {
	run, made, err = o.store.MakeRun(ctx, number, func(r headend.BillingRun, b headend.BillingSnapshot, w io.Writer) (headend.RunResult, error) {
		return o.write(ctx, r, b, w, progress)
	})
	switch {
	case made && run.State == "made":
		o.metrics.runs.Inc()
		o.options.Log.Info("billing run made", "run", run.Number, "id", run.ID, "lines", run.Lines, "held", run.Held)
	case made:
		o.metrics.runsFailed.Inc()
		o.options.Log.Warn("billing run failed", "run", run.Number, "reason", run.Reason)
	}
	return run, made, err
}

func (o *Office) write(ctx context.Context, run headend.BillingRun, b headend.BillingSnapshot, w io.Writer, progress func(int)) (result headend.RunResult, err error) {
	gate := o.options.Settings.Gate
	if run.Gate != nil {
		if gate, err = gateOf(run.Gate); err != nil {
			return result, err
		}
	}
	inputs, err := o.inputs(&run)
	if err != nil {
		return result, err
	}
	period := billing.Period{From: run.From, To: run.To}
	snapshot, err := billing.NewSnapshot(w, billing.Header{Period: period, Zone: o.zone.String(), Gate: gate, Inputs: inputs})
	if err != nil {
		return result, err
	}
	types, err := b.MeterTypes(ctx)
	if err != nil {
		return result, err
	}
	revision, err := b.LedgerRevision(ctx)
	if err != nil {
		return result, err
	}
	m, err := o.estimating(ctx, b, types)
	if err != nil {
		return result, err
	}
	done := 0
	organisations := map[string]bool{}
	for after := ""; ; {
		points, err := b.Points(ctx, run.Set, after, pointsAtOnce)
		if err != nil {
			return result, err
		}
		if len(points) == 0 {
			break
		}
		after = points[len(points)-1].ID
		for i := range points {
			organisations[points[i].Organisation] = true
		}
		files, err := o.files(ctx, b, m, points, wanted{period: period, quantities: run.Quantities, evidence: true})
		if err != nil {
			return result, err
		}
		if err := o.writeLines(ctx, &run, b, files, gate, snapshot); err != nil {
			return result, err
		}
		if done += len(points); progress != nil {
			progress(done)
		}
	}
	id, totals, err := snapshot.Close()
	return headend.RunResult{ID: id, Lines: int64(totals.Lines), Passed: int64(totals.Passed), Held: int64(totals.Held), Revision: revision, Organisations: slices.Collect(maps.Keys(organisations))}, err
}

// inputs say what a run was made of, beside readings and ledger: the settings by their digest, and what it is about.
func (o *Office) inputs(run *headend.BillingRun) ([]string, error) {
	s := &o.options.Settings
	text, err := json.Marshal([]any{s.Interval, s.Tolerance, s.Estimation, s.CutOff, s.Rules})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	set, err := json.Marshal(run.Set)
	if err != nil {
		return nil, err
	}
	if len(set) > 200 {
		digest := sha256.Sum256(set)
		set = []byte(fmt.Sprintf("%d usage points, SHA-256 %s", len(run.Set.UsagePoints), hex.EncodeToString(digest[:])))
	}
	quantities := make([]string, len(run.Quantities))
	for i, q := range run.Quantities {
		quantities[i] = string(q)
	}
	return []string{"settings " + hex.EncodeToString(sum[:8]), "set " + string(set), "quantities " + strings.Join(quantities, ",")}, nil
}

func (o *Office) writeLines(ctx context.Context, run *headend.BillingRun, b headend.BillingSnapshot, files []*file, gate billing.Gate, out *billing.SnapshotWriter) error {
	numbers := make([]uint32, len(files))
	for i, f := range files {
		numbers[i] = f.point.Number
	}
	held, err := b.Values(ctx, numbers, run.Quantities, run.From, run.To)
	if err != nil {
		return err
	}
	by := heldBy(held)
	var versions []headend.ValueVersion
	findings := map[headend.Quantity][]headend.StoredFinding{}
	for _, f := range files {
		for _, q := range run.Quantities {
			line, values, found, err := f.line(q, gate)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", f.point.ID, q, err)
			}
			versions = append(versions, f.versions(q, values, by[f.point.Number][q], fmt.Sprintf("billing run %d", run.Number))...)
			findings[q] = append(findings[q], f.stored(found)...)
			if !run.Values {
				line.Values = nil
			}
			if err := out.Add(line); err != nil {
				return err
			}
		}
	}
	if len(versions) > 0 {
		if err := o.store.PutValues(ctx, versions); err != nil {
			return err
		}
	}
	for _, q := range run.Quantities {
		if err := o.store.PutFindings(ctx, numbers, q, run.From, run.To, findings[q]); err != nil {
			return err
		}
	}
	return nil
}

// line is all about one quantity of a usage point.
func (f *file) line(q headend.Quantity, gate billing.Gate) (billing.Line, []billing.Value, []billing.Finding, error) {
	m, err := f.metering(q)
	if err != nil {
		return billing.Line{}, nil, nil, err
	}
	c, err := m.Consumption(f.period)
	if err != nil {
		return billing.Line{}, nil, nil, err
	}
	values, err := f.values(m)
	if err != nil {
		return billing.Line{}, nil, nil, err
	}
	found, err := f.findings(q, m, values)
	if err != nil {
		return billing.Line{}, nil, nil, err
	}
	verdicts := billing.Mark(values, found)
	return billing.NewLine(f.point.ID, c, values, verdicts, gate), values, found, nil
}
