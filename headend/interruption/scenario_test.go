package interruption

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
)

// A scenario is a text file that an engineer can read and write; testdata/README.md explains its lines.
type scenario struct {
	spec     Spec
	settings Settings
	rates    Rates
	day      time.Time
	interval map[string]time.Duration
	lines    []scenarioLine
	plans    []func(*Network) Plan
	checks   []check
	net      *Network
}

// scenarioLine is one statement: evidence of one device, or a decision, with its arrival.
type scenarioLine struct {
	number   int
	arrival  time.Time
	evidence func(*Network) Evidence
	decision func(*Network) Decision
}

// check is one expectation.
type check struct {
	number int
	at     time.Time // zero: at the end, in every order
	text   []string
}

var clockText = regexp.MustCompile(`^(\+\d+d)?(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?$`)

// clock reads 10:07, 10:07:30.5 or +1d10:07.
func (s *scenario) clock(word string) (time.Time, bool) {
	m := clockText.FindStringSubmatch(word)
	if m == nil {
		return time.Time{}, false
	}
	t := s.day
	if m[1] != "" {
		days, _ := strconv.Atoi(strings.Trim(m[1], "+d"))
		t = t.AddDate(0, 0, days)
	}
	h, _ := strconv.Atoi(m[2])
	min, _ := strconv.Atoi(m[3])
	sec, _ := strconv.ParseFloat("0"+m[4]+m[5], 64)
	return t.Add(time.Duration(h)*time.Hour + time.Duration(min)*time.Minute + time.Duration(sec*1000)*time.Millisecond), true
}

// span reads 10:07..10:31; either side may be ? for not known, the right one nothing for still open.
func (s *scenario) span(word string) (from, to time.Time, ok bool) {
	a, b, found := strings.Cut(word, "..")
	if !found {
		return
	}
	from, ok = s.clock(a)
	if a == "?" {
		ok = true
	}
	if b == "" || b == "?" {
		return from, to, ok
	}
	to, good := s.clock(b)
	return from, to, ok && good
}

// names expands M1..M12 and lists with commas.
func names(word string) []string {
	var out []string
	for _, w := range strings.Split(word, ",") {
		a, b, found := strings.Cut(w, "..")
		i := len(a)
		for i > 0 && a[i-1] >= '0' && a[i-1] <= '9' {
			i--
		}
		from, err := strconv.Atoi(a[i:])
		to, err2 := strconv.Atoi(strings.TrimPrefix(b, a[:i]))
		if !found || err != nil || err2 != nil {
			out = append(out, w)
			continue
		}
		for ; from <= to; from++ {
			out = append(out, a[:i]+strconv.Itoa(from))
		}
	}
	return out
}

func readScenario(t *testing.T, path string) *scenario {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &scenario{day: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), interval: map[string]time.Duration{}, rates: StatedRates}
	scan := bufio.NewScanner(f)
	for n := 1; scan.Scan(); n++ {
		line, _, _ := strings.Cut(scan.Text(), "#")
		words := split(line)
		if len(words) == 0 {
			continue
		}
		if err := s.line(n, words); err != nil {
			t.Fatalf("%s:%d: %v", path, n, err)
		}
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	s.standalone()
	if s.net, err = NewNetwork(s.spec); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	slices.SortStableFunc(s.lines, func(a, b scenarioLine) int { return a.arrival.Compare(b.arrival) })
	return s
}

// split cuts at blanks, outside of quotes.
func split(line string) []string {
	var out []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// standalone gives meters without a node a transformer of their own.
func (s *scenario) standalone() {
	for i := range s.spec.Points {
		if p := &s.spec.Points[i]; p.Node == "" {
			p.Node = "TR-" + p.ID
			s.spec.Nodes = append(s.spec.Nodes, headend.Node{ID: p.Node, Kind: "transformer"})
		}
	}
}

// options reads "word value" pairs.
func options(words []string, flags ...string) (map[string]string, error) {
	out := map[string]string{}
	for i := 0; i < len(words); i++ {
		if slices.Contains(flags, words[i]) {
			out[words[i]] = "yes"
			continue
		}
		if i+1 == len(words) {
			return nil, fmt.Errorf("%q needs a value", words[i])
		}
		out[words[i]] = words[i+1]
		i++
	}
	return out, nil
}

func (s *scenario) line(n int, w []string) error {
	if from, ok := s.clock(w[0]); ok {
		return s.statement(n, []time.Time{from}, w[1:])
	}
	if from, to, ok := s.span(w[0]); ok && len(w) > 3 && w[1] == "every" {
		step, err := time.ParseDuration(w[2])
		if err != nil {
			return err
		}
		var times []time.Time
		for t := from; !t.After(to); t = t.Add(step) {
			times = append(times, t)
		}
		return s.statement(n, times, w[3:])
	}
	switch w[0] {
	case "node":
		return s.node(w[1:])
	case "meter", "customer":
		return s.meter(w[0], w[1:])
	case "gateway", "rtu":
		return s.device(w[0], w[1:])
	case "planned", "work":
		return s.plan(w)
	case "settle", "hold", "spread", "window":
		d, err := time.ParseDuration(w[1])
		*map[string]*time.Duration{"settle": &s.settings.Settle, "hold": &s.settings.Hold, "spread": &s.settings.Spread, "window": &s.settings.Window}[w[0]] = d
		return err
	case "delivery":
		v, err := strconv.ParseFloat(w[1], 64)
		s.rates.Delivery = v
		return err
	case "at":
		c := check{number: n, text: w[3:]}
		at, ok := s.clock(w[1])
		if !ok && w[1] != "end" || w[2] != "expect" {
			return fmt.Errorf("at TIME expect ... or at end expect ...")
		}
		c.at = at
		s.checks = append(s.checks, c)
		return nil
	}
	return fmt.Errorf("%q is no beginning of a line", w[0])
}

func (s *scenario) node(w []string) error {
	o, err := options(w[2:])
	if err != nil {
		return err
	}
	made := headend.Node{ID: w[0], Kind: w[1], Parent: o["below"]}
	if o["from"] != "" {
		made.From, _ = s.clock(o["from"])
	}
	s.spec.Nodes = append(s.spec.Nodes, made)
	return nil
}

func (s *scenario) meter(kind string, w []string) error {
	o, err := options(w[1:], "solar")
	if err != nil {
		return err
	}
	phases := headend.Phases(0)
	for i, name := range []string{"L1", "L2", "L3"} {
		if strings.Contains(o["phases"], name) {
			phases |= headend.L1 << i
		}
	}
	for _, id := range names(w[0]) {
		made := headend.Device{ID: headend.DeviceID(id), Kind: headend.KindMeter, Gateway: headend.DeviceID(o["behind"])}
		if kind == "meter" {
			s.spec.Devices = append(s.spec.Devices, made)
		}
		if old := o["replaces"]; old != "" {
			at, _ := s.clock(o["when"])
			for i := range s.spec.Installations {
				if in := &s.spec.Installations[i]; string(in.Device) == old {
					in.To = at
					s.spec.Installations = append(s.spec.Installations, headend.Installation{Device: made.ID, UsagePoint: in.UsagePoint, From: at})
					break
				}
			}
			continue
		}
		point := headend.UsagePoint{ID: id, Node: o["at"], Phases: phases}
		if o["from"] != "" {
			point.From, _ = s.clock(o["from"])
		}
		if o["until"] != "" {
			point.To, _ = s.clock(o["until"])
		}
		s.spec.Points = append(s.spec.Points, point)
		if kind == "meter" && o["from"] == "" {
			s.spec.Installations = append(s.spec.Installations, headend.Installation{Device: made.ID, UsagePoint: id})
		}
		if o["solar"] != "" {
			s.spec.Generation = append(s.spec.Generation, id)
		}
	}
	return nil
}

func (s *scenario) device(kind string, w []string) error {
	o, err := options(w[1:], "makes-up")
	if err != nil {
		return err
	}
	id := headend.DeviceID(w[0])
	s.spec.Devices = append(s.spec.Devices, headend.Device{ID: id, Kind: map[string]headend.DeviceKind{"gateway": headend.KindGateway, "rtu": headend.KindRTU}[kind]})
	if o["at"] != "" {
		s.spec.Placements = append(s.spec.Placements, Placement{Device: id, Node: o["at"]})
	}
	if o["makes-up"] != "" {
		s.spec.MakesUp = append(s.spec.MakesUp, id)
	}
	return nil
}

// plan reads "planned ID PLACE FROM..TO REASON [notice TIME]" and "work KIND ID PLACE FROM..TO".
func (s *scenario) plan(w []string) error {
	kind := PlannedCut
	if w[0] == "work" {
		kind = map[string]PlanKind{"exchange": Exchange, "lab": Laboratory, "firmware": Firmware}[w[1]]
		w = w[1:]
	}
	from, to, ok := s.span(w[3])
	if !ok || kind == 0 {
		return fmt.Errorf("planned ID PLACE FROM..TO REASON, or work exchange|lab|firmware ID PLACE FROM..TO")
	}
	made := Plan{ID: w[1], Kind: kind, Node: NoNode, From: from, To: to}
	if len(w) > 4 {
		made.Reason = w[4]
	}
	if len(w) > 6 && w[5] == "notice" {
		made.Notice, _ = s.clock(w[6])
	}
	place := w[2]
	s.plans = append(s.plans, func(n *Network) Plan {
		if v, known := n.Node(place); known {
			made.Node = v
		} else {
			for _, id := range names(place) {
				p, _ := n.Point(id)
				made.Points = append(made.Points, p)
			}
		}
		return made
	})
	return nil
}

// kinds of statements in words.
var kindWords = map[string]Kind{"reading": LifeSign, "ping_answer": LifeSign, "power_down": PowerDown, "power_up": PowerUp, "log": PowerFailure,
	"log_read": LogRead, "counter": FailureCount, "short_counter": ShortCount, "phase_lost": PhaseLost, "phase_back": PhaseBack, "no_voltage": SupplyAbsent,
	"voltage": SupplyPresent, "clock": ClockSync, "relay": RelayMoved, "link_lost": LinkLost, "link_back": LinkBack, "breaker_open": BreakerOpen,
	"breaker_closed": BreakerClosed, "breaker_unknown": BreakerUnknown, "fault_passage": FaultPassage}

func (s *scenario) statement(n int, times []time.Time, w []string) error {
	if w[0] == "operator" {
		return s.decision(n, times[0], w[1:])
	}
	kind, known := kindWords[w[1]]
	if !known {
		return fmt.Errorf("%q is nothing a device says", w[1])
	}
	rest := w[2:]
	e := Evidence{Kind: kind, Seq: headend.NoSeq}
	var end time.Time
	switch kind {
	case PowerFailure, LogRead:
		from, to, ok := s.span(rest[0])
		if !ok {
			return fmt.Errorf("%s FROM..TO", w[1])
		}
		e.Duration, end, rest = to.Sub(from), to, rest[1:]
	case FailureCount, ShortCount:
		count, err := strconv.ParseInt(rest[0], 10, 64)
		if err != nil {
			return err
		}
		e.Count, rest = count, rest[1:]
	case ClockSync:
		ahead, err := time.ParseDuration(rest[0])
		if err != nil {
			return err
		}
		e.Duration, rest = ahead, rest[1:]
	case PhaseLost, PhaseBack:
		for i, name := range []string{"L1", "L2", "L3"} {
			if strings.Contains(rest[0], name) {
				e.Phases |= headend.L1 << i
			}
		}
		rest = rest[1:]
	}
	o, err := options(rest, "set", "no_time", "bad_clock", "made_up", "in_minute")
	if err != nil {
		return err
	}
	if o["seq"] != "" {
		if e.Seq, err = strconv.ParseInt(o["seq"], 10, 64); err != nil {
			return err
		}
	}
	if o["set"] != "" {
		e.Count = 1
	}
	e.MadeUp = o["made_up"] != ""
	if o["in_minute"] != "" {
		e.Duration = time.Minute
	}
	except := names(o["except"])
	for _, id := range names(w[0]) {
		if slices.Contains(except, id) {
			continue
		}
		for _, at := range times {
			s.say(n, id, at, end, e, o)
		}
	}
	return nil
}

// say adds one statement of one device.
func (s *scenario) say(n int, id string, at, end time.Time, e Evidence, o map[string]string) {
	arrival := at.Add(time.Second)
	if e.Kind == PowerDown && o["no_time"] == "" {
		arrival = at.Add(38 * time.Second)
	}
	if o["arrives"] != "" {
		arrival, _ = s.clock(o["arrives"])
	}
	e.Time, e.Received = at, arrival
	if !end.IsZero() {
		e.Time = end
	}
	switch {
	case o["no_time"] != "": // the time of the line is when it arrives
		e.Time, e.Received, e.Quality, arrival = at, at, headend.QualityReceivedTime, at
	case o["bad_clock"] != "":
		e.Quality = headend.QualityClockDoubtful
	}
	if o["shows"] != "" { // what the device's clock showed then
		e.Time, _ = s.clock(o["shows"])
	}
	s.lines = append(s.lines, scenarioLine{number: n, arrival: arrival, evidence: func(net *Network) Evidence {
		e := e
		e.Device, _ = net.Device(headend.DeviceID(id))
		e.Gateway = NoDevice
		if via, known := net.Device(headend.DeviceID(o["via"])); known {
			e.Gateway = via
		}
		return e
	}})
}

// decision reads "operator cause|planned|unplanned|split|merge PLACE@TIME ...".
func (s *scenario) decision(n int, made time.Time, w []string) error {
	kind := map[string]DecisionKind{"cause": SetCause, "planned": SetPlanned, "unplanned": SetUnplanned, "split": Split, "merge": Merge,
		"own": SetOwn, "not_own": ClearOwn, "declared": SetDeclared, "not_declared": ClearDeclared}[w[0]]
	place, when, ok := strings.Cut(w[1], "@")
	moment, good := s.clock(when)
	if kind == 0 || !ok || !good {
		return fmt.Errorf("operator cause|planned|unplanned|own|not_own|declared|not_declared|split|merge PLACE@TIME")
	}
	s.lines = append(s.lines, scenarioLine{number: n, arrival: made, decision: func(net *Network) Decision {
		out := Decision{Kind: kind, Made: made, By: "operator", Node: NoNode, Point: NoPoint, Part: NoNode, OtherNode: NoNode, OtherPoint: NoPoint, Moment: moment}
		find := func(name string) (NodeNo, PointNo) {
			if v, known := net.Node(name); known {
				return v, NoPoint
			}
			p, _ := net.Point(name)
			return NoNode, p
		}
		out.Node, out.Point = find(place)
		switch kind {
		case SetCause:
			out.Cause = w[2]
		case Split:
			out.Part, _ = find(w[2])
		case Merge:
			other, when, _ := strings.Cut(w[2], "@")
			out.OtherNode, out.OtherPoint = find(other)
			out.OtherMoment, _ = s.clock(when)
		}
		return out
	}})
	return nil
}

func (s *scenario) detector() *Detector {
	d := New(s.net, s.settings)
	rates := map[string]Rates{}
	for _, name := range s.net.segments {
		rates[name] = s.rates
	}
	d.SetRates(rates)
	for _, plan := range s.plans {
		d.Plan(plan(s.net))
	}
	return d
}

func (s *scenario) feed(t *testing.T, d *Detector, l *scenarioLine, late time.Duration) {
	if l.decision != nil {
		d.Decide(l.decision(s.net))
		return
	}
	e := l.evidence(s.net)
	if e.Quality == 0 {
		e.Received = e.Received.Add(late)
	}
	if v := d.Observe(&e); v == Nonsense || v == TooOld || v == TooMany {
		t.Errorf("line %d: %v", l.number, v)
	}
}

// end is a day and three hours after the last arrival, so that what is a day late is in.
func (s *scenario) end() time.Time { return s.lines[len(s.lines)-1].arrival.Add(27 * time.Hour) }

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.scenario")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d scenarios (%v)", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".scenario"), func(t *testing.T) {
			t.Parallel()
			s := readScenario(t, path)
			if len(s.checks) == 0 {
				t.Fatal("expects nothing")
			}
			want := s.inOrder(t)
			for name, order := range s.orders() {
				d := s.detector()
				order(t, d)
				d.Advance(s.end())
				if diff := cmp.Diff(want, told(d)); diff != "" {
					t.Errorf("%s: another ledger than in order:\n%s", name, diff)
				}
			}
		})
	}
}

// inOrder plays as it arrived, with the expectations in between, and gives the ledger at the end.
func (s *scenario) inOrder(t *testing.T) []string {
	d := s.detector()
	checks := slices.Clone(s.checks)
	slices.SortStableFunc(checks, func(a, b check) int { return a.at.Compare(b.at) })
	for len(checks) > 0 && checks[0].at.IsZero() {
		checks = checks[1:]
	}
	for i := range s.lines {
		l := &s.lines[i]
		for len(checks) > 0 && checks[0].at.Before(l.arrival) {
			d.Advance(checks[0].at)
			s.check(t, d, &checks[0])
			checks = checks[1:]
		}
		s.feed(t, d, l, 0)
		d.Advance(l.arrival)
	}
	for i := range checks {
		d.Advance(checks[i].at)
		s.check(t, d, &checks[i])
	}
	d.Advance(s.end())
	for i := range s.checks {
		if c := &s.checks[i]; c.at.IsZero() || c.text[len(c.text)-1] == "closed" {
			s.check(t, d, c)
		}
	}
	wholly(t, d)
	if testing.Verbose() {
		for _, o := range d.Outages() {
			t.Logf("%s %v: %s\n  %s", s.place(o), o.State, o.Summary, strings.Join(o.Trail, "\n  "))
		}
	}
	return told(d)
}

// wholly checks that the ledger derived piece by piece is the one derived as a whole.
func wholly(t interface {
	Helper()
	Errorf(string, ...any)
}, d *Detector) {
	t.Helper()
	before := told(d)
	d.epoch++
	for i := range d.parts {
		d.stir(int32(i), urgent, unknown)
		d.parts[i].last = d.now - 60*minute
	}
	d.Advance(d.now.time())
	if diff := cmp.Diff(before, told(d)); diff != "" {
		t.Errorf("derived as a whole it is another ledger:\n%s", diff)
	}
}

// orders are the other ways the same evidence can come.
func (s *scenario) orders() map[string]func(*testing.T, *Detector) {
	all := func(order []int, twice bool) func(*testing.T, *Detector) {
		return func(t *testing.T, d *Detector) {
			last := time.Time{}
			for _, i := range order {
				if s.lines[i].arrival.After(last) {
					last = s.lines[i].arrival
				}
				for range 1 + map[bool]int{true: 1}[twice] {
					s.feed(t, d, &s.lines[i], 0)
				}
				d.Advance(last)
			}
		}
	}
	forward := make([]int, len(s.lines))
	for i := range forward {
		forward[i] = i
	}
	backward := slices.Clone(forward)
	slices.Reverse(backward)
	seed := uint64(time.Now().UnixNano())
	shuffled := slices.Clone(forward)
	rand.New(rand.NewPCG(seed, 1)).Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
	return map[string]func(*testing.T, *Detector){
		"reversed": all(backward, false),
		fmt.Sprintf("shuffled with seed %d", seed): all(shuffled, false),
		"doubled": all(forward, true),
		"last third a day late": func(t *testing.T, d *Detector) {
			cut := len(s.lines) * 2 / 3
			for i := range s.lines[:cut] {
				s.feed(t, d, &s.lines[i], 0)
				d.Advance(s.lines[i].arrival)
			}
			for i := cut; i < len(s.lines); i++ {
				d.Advance(s.lines[i].arrival) // time goes on without it
			}
			for i := cut; i < len(s.lines); i++ {
				s.feed(t, d, &s.lines[i], 24*time.Hour)
				d.Advance(s.lines[i].arrival.Add(24 * time.Hour))
			}
		},
	}
}

// told is the ledger without its history: numbers of outages and revisions.
func told(d *Detector) []string {
	var out []string
	at := map[uint64]string{}
	for _, o := range d.Outages() {
		at[o.ID] = fmt.Sprintf("%s part %v phases %s", placeOf(d.net, o), o.Part, o.Phases)
		out = append(out, fmt.Sprintf("outage %s %v %s..%s planned %v %s overrun %s cause %q own %v declared %v points %d seen %d steps %v summary %q trail %v", at[o.ID], o.State, o.Start.Format(time.StampMilli),
			o.End.Format(time.StampMilli), o.Planned, o.Plan, o.Overrun, o.Cause, o.Own, o.Declared, o.Points, o.Seen, o.Steps, o.Summary, o.Trail))
	}
	for _, i := range d.Interruptions() {
		out = append(out, fmt.Sprintf("%s %s (%s, not before %s) .. %s (%s) phases %s observed %v planned %v cause %q own %v declared %v of %s", d.net.PointID(i.Point), i.Start.Format(time.StampMilli), i.StartBy,
			i.NotBefore.Format(time.Stamp), i.End.Format(time.StampMilli), i.EndBy, i.Phases, i.Observed, i.Planned, i.Cause, i.Own, i.Declared, at[i.Outage]))
	}
	for _, c := range d.Counted() {
		out = append(out, fmt.Sprintf("counted %s %+v", d.net.PointID(c.Point), c))
	}
	for _, f := range d.TopologyFaults() {
		out = append(out, fmt.Sprintf("topology %s %+v", d.net.PointID(f.Point), f))
	}
	return out
}

func placeOf(n *Network, o Outage) string {
	if o.Node != NoNode {
		return n.NodeID(o.Node)
	}
	return n.PointID(o.Point)
}

func (s *scenario) place(o Outage) string { return placeOf(s.net, o) }

func (s *scenario) check(t *testing.T, d *Detector, c *check) {
	t.Helper()
	if why := s.fails(d, c); why != "" {
		when := "end"
		if !c.at.IsZero() {
			when = c.at.Format("15:04:05")
		}
		t.Errorf("line %d, at %s, expect %s: %s\n%s", c.number, when, strings.Join(c.text, " "), why, strings.Join(relevant(told(d), c.text[0]), "\n"))
	}
}

// relevant is what to print of a ledger.
func relevant(lines []string, word string) []string {
	var out []string
	for _, l := range lines {
		if strings.HasPrefix(l, "outage") || slices.Contains(names(word), strings.Fields(l)[0]) {
			out = append(out, l)
		}
	}
	return out[:min(len(out), 8)]
}

// fails says why an expectation is not met, "" when it is.
func (s *scenario) fails(d *Detector, c *check) string {
	w := c.text
	switch {
	case w[0] == "outage":
		return s.outageFails(d, w[1:])
	case w[0] == "no" || len(w) == 2 && w[1] == "outages":
		want, _ := strconv.Atoi(w[0])
		open := 0
		for _, o := range d.Outages() {
			if o.End.IsZero() || c.at.IsZero() {
				open++
			}
		}
		if open != want {
			return fmt.Sprintf("%d outages", open)
		}
		return ""
	case w[0] == "topology":
		p, _ := s.net.Point(w[2])
		if !slices.ContainsFunc(d.TopologyFaults(), func(f TopologyFault) bool { return f.Point == p }) {
			return "not reported"
		}
		return ""
	case w[0] == "because":
		said := ""
		for _, o := range d.Outages() {
			if strings.Contains(o.Summary+"\n"+strings.Join(o.Trail, "\n"), w[1]) {
				return ""
			}
			said += "\n" + o.Summary
		}
		return "no outage says so, but" + said
	case w[0] == "ping":
		return "" // see TestPings
	}
	for _, id := range names(w[0]) {
		p, known := s.net.Point(id)
		if !known {
			return id + " is unknown"
		}
		if why := s.pointFails(d, p, w[1:]); why != "" {
			return id + ": " + why
		}
	}
	return ""
}

func (s *scenario) pointFails(d *Detector, p PointNo, w []string) string {
	var rows []Interruption
	for _, r := range d.Interruptions() {
		if r.Point == p {
			rows = append(rows, r)
		}
	}
	status := d.Status(p)
	switch w[0] {
	case "on":
		if status.Supply != Energised {
			return fmt.Sprintf("%v (%s)", status.Supply, status.Why)
		}
		return ""
	case "unknown":
		if status.Supply != Unknown {
			return fmt.Sprintf("%v (%s)", status.Supply, status.Why)
		}
		return ""
	case "out": // out since 10:07 confirmed
		since, _ := s.clock(w[2])
		if status.Supply != DeEnergised || !status.Since.Equal(since) || len(w) > 3 && status.State.String() != w[3] {
			return fmt.Sprintf("%v since %s %v (%s)", status.Supply, status.Since.Format("15:04:05"), status.State, status.Why)
		}
		return ""
	case "never":
		if len(rows) != 0 {
			return fmt.Sprintf("%d interruptions", len(rows))
		}
		return ""
	case "counted": // counted 3 [at_least]
		total, overflow := 0, false
		for _, c := range d.Counted() {
			if c.Point == p {
				total += c.Failures - c.Known
				overflow = overflow || c.Overflow
			}
		}
		if strconv.Itoa(total) != w[1] || (len(w) > 2) != overflow {
			return fmt.Sprintf("%d counted, overflow %v", total, overflow)
		}
		return ""
	}
	var want []string // 10:07..10:31 11:00..11:05 [inferred] [observed] [closed] [phases L1]
	k := 0
	for _, word := range w {
		from, to, ok := s.span(word)
		if !ok {
			want = append(want, word)
			continue
		}
		if k >= len(rows) {
			return fmt.Sprintf("%d interruptions", len(rows))
		}
		if !rows[k].Start.Equal(from) || !rows[k].End.Equal(to) {
			return fmt.Sprintf("interruption %d is %s..%s (%s, %s)", k+1, rows[k].Start.Format("15:04:05.000"), rows[k].End.Format("15:04:05.000"), rows[k].StartBy, rows[k].EndBy)
		}
		k++
	}
	if k != len(rows) {
		return fmt.Sprintf("%d interruptions", len(rows))
	}
	for _, r := range rows {
		for _, word := range want {
			switch {
			case word == "own" && !r.Own, word == "not_own" && r.Own, word == "declared" && !r.Declared, word == "undeclared" && r.Declared:
				return fmt.Sprintf("own %v declared %v", r.Own, r.Declared)
			case strings.HasPrefix(word, "not_before="):
				if at, _ := s.clock(strings.TrimPrefix(word, "not_before=")); !r.NotBefore.Truncate(time.Second).Equal(at) {
					return "not before " + r.NotBefore.Format("15:04:05")
				}
			case strings.HasPrefix(word, "cause=") && r.Cause != strings.TrimPrefix(word, "cause="):
				return fmt.Sprintf("cause %q", r.Cause)
			case word == "inferred" && r.Observed, word == "observed" && !r.Observed, word == "planned" && !r.Planned:
				return fmt.Sprintf("observed %v planned %v", r.Observed, r.Planned)
			case strings.HasPrefix(word, "L") && r.Phases.String() != word:
				return "phases " + r.Phases.String()
			}
		}
	}
	return ""
}

// outageFails reads "PLACE FROM..TO|since TIME [points N] [out N] [STATE] [planned|unplanned] [overrun D] [steps N] [cause C] [part]".
func (s *scenario) outageFails(d *Detector, w []string) string {
	why := "there is none"
	for _, o := range d.Outages() {
		if s.place(o) != w[0] {
			continue
		}
		if why = s.unlike(&o, w[1:]); why == "" {
			return ""
		}
	}
	return why
}

func (s *scenario) unlike(o *Outage, w []string) string {
	for i := 0; i < len(w); i++ {
		value := ""
		if i+1 < len(w) {
			value = w[i+1]
		}
		got, want := "", ""
		switch w[i] {
		case "since":
			at, _ := s.clock(value)
			got, want = o.Start.Format("15:04:05"), at.Format("15:04:05")
			i++
		case "points":
			got, want = strconv.Itoa(o.Points), value
			i++
		case "out":
			got, want = strconv.Itoa(o.Out), value
			i++
		case "steps":
			got, want = strconv.Itoa(len(o.Steps)), value
			i++
		case "overrun":
			got, want = o.Overrun.String(), value
			i++
		case "cause":
			got, want = o.Cause, value
			i++
		case "planned", "unplanned":
			got, want = map[bool]string{true: "planned", false: "unplanned"}[o.Planned], w[i]
		case "declared", "undeclared":
			got, want = map[bool]string{true: "declared", false: "undeclared"}[o.Declared], w[i]
		case "own":
			got, want = strconv.FormatBool(o.Own), "true"
		case "part":
			got, want = strconv.FormatBool(o.Part), "true"
		case "L1", "L2", "L3":
			got, want = o.Phases.String(), w[i]
		case "suspected", "confirmed", "restored", "closed":
			got, want = o.State.String(), w[i]
		default:
			from, to, ok := s.span(w[i])
			if !ok {
				return "does not understand " + w[i]
			}
			got = o.Start.Format("15:04:05.000") + ".." + o.End.Format("15:04:05.000")
			want = from.Format("15:04:05.000") + ".." + to.Format("15:04:05.000")
		}
		if got != want {
			return got + " instead of " + want
		}
	}
	return ""
}
