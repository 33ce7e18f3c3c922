package simulator

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed scenarios/*.yaml
var builtIn embed.FS

// Scenario is what a simulation plays: a grid, its habits, and what fails when.
type Scenario struct {
	Name     string     `yaml:"name"`
	About    string     `yaml:"about"`
	Seed     uint64     `yaml:"seed"`
	Climate  string     `yaml:"climate"`  // vietnam (default) or europe
	Start    string     `yaml:"start"`    // RFC 3339, or before now as in -6h; empty: now
	Speed    float64    `yaml:"speed"`    // simulated seconds in a second; 0: 1. Never ahead of the real clock
	Interval Span       `yaml:"interval"` // from one reading to the next; 30m where empty
	Length   Span       `yaml:"length"`   // of the whole; empty: until stopped
	Calm     Span       `yaml:"calm"`     // of Length, the last part in which nothing new fails and what is late still arrives
	Grid     SpecFile   `yaml:"grid"`
	Channel  Channel    `yaml:"channel"`
	Events   Channel    `yaml:"events"` // the same for events. Last gasps are lost by gasp.delivery, entries of logs are read until they are there
	Gasp     Gasp       `yaml:"gasp"`
	Clocks   Clocks     `yaml:"clocks"`
	Modbus   Modbusses  `yaml:"modbus"`
	Timeline []Incident `yaml:"timeline"`
}

// SpecFile is GridSpec as a scenario writes it.
type SpecFile struct {
	UsagePoints           int     `yaml:"usage_points"`
	PointsPerTransformer  int     `yaml:"points_per_transformer"`
	Small                 float64 `yaml:"small_transformers"`
	TransformersPerFeeder int     `yaml:"transformers_per_feeder"`
	FeedersPerSubstation  int     `yaml:"feeders_per_substation"`
	TransformersPerDCU    int     `yaml:"transformers_per_gateway"`
	Direct                int     `yaml:"direct"`
	Unmetered             float64 `yaml:"unmetered"`
	Solar                 float64 `yaml:"solar"`
	Trade                 float64 `yaml:"trade"`
	ThreePhase            float64 `yaml:"three_phase"`
}

// Channel is how readings fare between the meter and the broker. Each is a share of the readings, 0 to 1.
type Channel struct {
	Loss      float64 `yaml:"loss"`       // never arrive
	Late      float64 `yaml:"late"`       // arrive later, alone
	LateUpTo  Span    `yaml:"late_up_to"` // by how much; 2h where empty
	Duplicate float64 `yaml:"duplicate"`  // of the messages: published twice
	Reorder   float64 `yaml:"reorder"`    // of the messages: overtaken by the following ones, up to three
}

// Gasp is how meters and gateways behave when their supply goes.
type Gasp struct {
	Hold     Span    `yaml:"hold"`        // how long supply must be gone; 30s..45s where empty
	Delivery float64 `yaml:"delivery"`    // probability that one last gasp gets through; 0.7 where 0. Negative: none does
	Repeats  int     `yaml:"repeats"`     // further attempts
	Every    Span    `yaml:"every"`       // between them; 3m where empty
	Boot     Span    `yaml:"boot"`        // from the return of supply to the first word; 5s..25s where empty
	Backup   Span    `yaml:"backup"`      // how long a gateway lives without supply; 10m where empty
	Logs     bool    `yaml:"logs"`        // meters report the failure from their log once they are back
	Within   Span    `yaml:"logs_within"` // how long after that; 5s..65s where empty
	MadeUp   bool    `yaml:"made_up"`     // a gateway that loses its own supply gasps for all its meters
	Alive    float64 `yaml:"solar_alive"` // share of customers with solar whose meter lives on without supply and says so
}

// Clocks is how wrong the meters' clocks are.
type Clocks struct {
	DriftPPM float64 `yaml:"drift_ppm"` // largest drift, either way
	Wrong    float64 `yaml:"wrong"`     // share of meters off by an hour or days
	SetEvery Span    `yaml:"set_every"` // how often a clock is set right, with an event that tells what it showed before; empty: never
}

// Modbusses is which devices speak Modbus and how they behave; see ModbusSpec for the first five.
type Modbusses struct {
	Listen       string  `yaml:"listen"`
	Framing      string  `yaml:"framing"`
	Reclosers    float64 `yaml:"reclosers"`
	Indicators   float64 `yaml:"indicators"`
	Transformers float64 `yaml:"transformers"`
	Backup       Span    `yaml:"backup"` // how long a relay or indicator lives on its battery; 2h..6h where empty
	Mute         bool    `yaml:"mute"`   // a port says nothing for a unit that does not answer, instead of exception 0x0B
}

// Incident is one line of the timeline. Exactly one of At and Every is given.
type Incident struct {
	At     *Span      `yaml:"at"`     // after the start
	Every  *Span      `yaml:"every"`  // again and again, with so much in between, after After
	After  Span       `yaml:"after"`  // with Every: not before
	Fault  FaultKind  `yaml:"fault"`  // see FaultKind
	Where  string     `yaml:"where"`  // id of a node or gateway, or a kind of which one is drawn
	For    Span       `yaml:"for"`    // how long; empty: it stays
	Phase  string     `yaml:"phase"`  // of phase_lost; one is drawn where empty
	Shots  int        `yaml:"shots"`  // of momentary: how many interruptions; 1 where 0
	Gap    Span       `yaml:"gap"`    // between them; 15s where empty
	Steps  []Recovery `yaml:"steps"`  // of outage: parts that come back before the rest
	Spread int        `yaml:"places"` // how many places at once; 1 where 0
	Delay  Span       `yaml:"delay"`  // of late_reply; 3s where empty. Of planned: from the beginning of the window to the cut
	Code   int        `yaml:"code"`   // of exception; 11 (0x0B) where 0
	Share  float64    `yaml:"share"`  // of the replies of a unit, of the meters of firmware and clock_jump: how many, 0 to 1; all where 0

	Lockout Span       `yaml:"lockout"` // of momentary: after the last shot the device opens again and stays open so long
	Then    []Incident `yaml:"then"`    // what follows, each after its After; where: here, a kind above or below, or an id
	Window  Span       `yaml:"window"`  // of planned: as announced, which For may overrun; of firmware: announced as work
	Notice  Span       `yaml:"notice"`  // of planned: how long before the window customers are told; empty: they are not
	Reason  string     `yaml:"reason"`  // of planned
	By      Shift      `yaml:"by"`      // of clock_jump: how far
}

// Recovery is a part of an outage that comes back early. Exactly one of Where and But is given.
type Recovery struct {
	After  Span   `yaml:"after"`  // the beginning of the outage
	Where  string `yaml:"where"`  // id of a node below, or a kind of which one below is drawn: it is fed over a tie
	But    string `yaml:"but"`    // the same, and all comes back but it: the fault is cut off, the device above closed
	Spread int    `yaml:"places"` // with Where: how many parts come back; 1 where 0
}

// Shift is a duration or a range of durations that may be negative.
type Shift struct{ From, To time.Duration }

// UnmarshalYAML reads "-90s" or "-2h..3h".
func (s *Shift) UnmarshalYAML(node *yaml.Node) (err error) {
	s.From, s.To, err = parseSpan(node)
	return err
}

// Span is a duration or a range of durations ("30s..45s") of which one is drawn.
type Span struct{ From, To time.Duration }

// UnmarshalYAML reads "90s" or "2m..10m".
func (s *Span) UnmarshalYAML(node *yaml.Node) (err error) {
	if s.From, s.To, err = parseSpan(node); err == nil && s.From < 0 {
		err = fmt.Errorf("line %d: %q is negative or runs backwards", node.Line, node.Value)
	}
	return err
}

func parseSpan(node *yaml.Node) (first, last time.Duration, err error) {
	from, to, ranged := strings.Cut(node.Value, "..")
	if first, err = time.ParseDuration(from); err != nil {
		return 0, 0, fmt.Errorf("line %d: %q is neither a duration such as 90s nor a range such as 2m..10m", node.Line, node.Value)
	}
	last = first
	if ranged {
		if last, err = time.ParseDuration(to); err != nil {
			return 0, 0, fmt.Errorf("line %d: %q is no range such as 2m..10m", node.Line, node.Value)
		}
	}
	if last < first {
		return 0, 0, fmt.Errorf("line %d: %q is negative or runs backwards", node.Line, node.Value)
	}
	return first, last, nil
}

// draw takes one duration, in whole milliseconds.
func (s Span) draw(h uint64) time.Duration {
	return (s.From + time.Duration(unit(h)*float64(s.To-s.From))).Truncate(time.Millisecond)
}

func (s Span) or(from, to time.Duration) Span {
	if s == (Span{}) {
		return Span{from, to}
	}
	return s
}

// ScenarioNames lists the built-in scenarios.
func ScenarioNames() []string {
	files, err := fs.Glob(builtIn, "scenarios/*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i := range files {
		files[i] = strings.TrimSuffix(strings.TrimPrefix(files[i], "scenarios/"), ".yaml")
	}
	return files
}

// LoadScenario reads a built-in scenario by name or a YAML file by path. An unknown key is an error.
func LoadScenario(name string) (Scenario, error) {
	var data []byte
	var err error
	if slices.Contains(ScenarioNames(), name) {
		data, err = builtIn.ReadFile("scenarios/" + name + ".yaml")
	} else if data, err = os.ReadFile(name); errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(name, "./") {
		return Scenario{}, fmt.Errorf("scenario %q is neither a file nor one of the built-in ones: %s", name, strings.Join(ScenarioNames(), ", "))
	}
	if err != nil {
		return Scenario{}, err
	}
	s, err := ParseScenario(data)
	if err != nil {
		return s, fmt.Errorf("scenario %s: %w", name, err)
	}
	return s, nil
}

// ParseScenario reads YAML, fills what is left out and checks the rest.
func ParseScenario(data []byte) (Scenario, error) {
	var s Scenario
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&s); err != nil {
		return s, err
	}
	s.complete()
	return s, s.check()
}

func (s *Scenario) complete() {
	if s.Speed == 0 {
		s.Speed = 1
	}
	if s.Climate == "" {
		s.Climate = Vietnam.String()
	}
	s.Interval = s.Interval.or(30*time.Minute, 30*time.Minute)
	s.Channel.LateUpTo = s.Channel.LateUpTo.or(2*time.Hour, 2*time.Hour)
	s.Events.LateUpTo = s.Events.LateUpTo.or(2*time.Hour, 2*time.Hour)
	s.Gasp.Within = s.Gasp.Within.or(5*time.Second, 65*time.Second)
	s.Gasp.Hold = s.Gasp.Hold.or(30*time.Second, 45*time.Second)
	s.Gasp.Every = s.Gasp.Every.or(3*time.Minute, 3*time.Minute)
	s.Gasp.Boot = s.Gasp.Boot.or(5*time.Second, 25*time.Second)
	s.Gasp.Backup = s.Gasp.Backup.or(10*time.Minute, 10*time.Minute)
	s.Modbus.Backup = s.Modbus.Backup.or(2*time.Hour, 6*time.Hour)
	if s.Gasp.Delivery == 0 {
		s.Gasp.Delivery = 0.7
	}
	for i := range s.Timeline {
		s.Timeline[i].complete()
	}
}

func (in *Incident) complete() {
	in.Shots, in.Spread = max(in.Shots, 1), max(in.Spread, 1)
	in.Gap = in.Gap.or(15*time.Second, 15*time.Second)
	if in.Fault == FaultLateReply {
		in.Delay = in.Delay.or(lateReply, lateReply)
	}
	if in.Code == 0 {
		in.Code = int(ExceptionNoResponse)
	}
	if in.Fault == FaultPlanned && in.Reason == "" {
		in.Reason = "maintenance"
	}
	for i := range in.Steps {
		in.Steps[i].Spread = max(in.Steps[i].Spread, 1)
	}
	for i := range in.Then {
		in.Then[i].complete()
	}
}

func (s *Scenario) check() error {
	if _, err := s.climate(); err != nil {
		return err
	}
	if s.Interval.From < time.Second || s.Interval.From%time.Second != 0 || s.Interval.From != s.Interval.To {
		return fmt.Errorf("interval is %v, it must be whole seconds", s.Interval.From)
	}
	if s.Speed < 0 {
		return fmt.Errorf("speed is %v", s.Speed)
	}
	for name, share := range map[string]float64{"loss": s.Channel.Loss, "late": s.Channel.Late, "duplicate": s.Channel.Duplicate,
		"reorder": s.Channel.Reorder, "wrong": s.Clocks.Wrong, "loss and late together": s.Channel.Loss + s.Channel.Late,
		"loss of events": s.Events.Loss, "late of events": s.Events.Late, "duplicate of events": s.Events.Duplicate, "reorder of events": s.Events.Reorder,
		"loss and late of events together": s.Events.Loss + s.Events.Late, "solar_alive": s.Gasp.Alive} {
		if share < 0 || share > 1 {
			return fmt.Errorf("%s is %v, it is a share of 0 to 1", name, share)
		}
	}
	if s.Calm.From > s.Length.From {
		return fmt.Errorf("calm is %v, longer than length", s.Calm.From)
	}
	if _, err := s.start(time.Now()); err != nil {
		return err
	}
	for i := range s.Timeline {
		if err := s.Timeline[i].check(); err != nil {
			return fmt.Errorf("timeline entry %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *Scenario) climate() (Climate, error) {
	for _, c := range []Climate{Vietnam, Europe} {
		if c.String() == s.Climate {
			return c, nil
		}
	}
	return 0, fmt.Errorf("climate %q is neither vietnam nor europe", s.Climate)
}

// start is when the simulation begins, on a whole second.
func (s *Scenario) start(now time.Time) (time.Time, error) {
	if s.Start == "" {
		return now.UTC().Truncate(time.Second), nil
	}
	if at, err := time.Parse(time.RFC3339, s.Start); err == nil {
		return at.UTC(), nil
	}
	before, err := time.ParseDuration(s.Start)
	if err != nil || before > 0 {
		return time.Time{}, fmt.Errorf("start %q is neither RFC 3339 nor a time before now such as -6h", s.Start)
	}
	return now.Add(before).UTC().Truncate(time.Second), nil
}

// Spec is the grid the scenario asks for.
func (s *Scenario) Spec() (GridSpec, error) {
	climate, err := s.climate()
	f := s.Grid
	return GridSpec{UsagePoints: f.UsagePoints, PointsPerTransformer: f.PointsPerTransformer, Small: f.Small, TransformersPerFeeder: f.TransformersPerFeeder,
		FeedersPerSubstation: f.FeedersPerSubstation, TransformersPerDCU: f.TransformersPerDCU, Direct: f.Direct, Unmetered: f.Unmetered,
		Solar: f.Solar, Trade: f.Trade, ThreePhase: f.ThreePhase, Climate: climate,
		Modbus: ModbusSpec{Listen: s.Modbus.Listen, Framing: s.Modbus.Framing, Reclosers: s.Modbus.Reclosers, Indicators: s.Modbus.Indicators,
			Transformers: s.Modbus.Transformers}}, err
}

func (in *Incident) check() error {
	switch {
	case (in.At == nil) == (in.Every == nil):
		return errors.New("one of at and every is needed, and not both")
	case in.Every != nil && in.Every.From < time.Second:
		return errors.New("every is below a second")
	case in.Every != nil && in.For == Span{} && in.Fault != FaultMomentary:
		return errors.New("what comes again and again must end: for is missing")
	}
	return in.checkFault()
}

// checkFault is what holds for what stands under then, too.
func (in *Incident) checkFault() error {
	switch {
	case in.Where == "":
		return errors.New("where is missing")
	case in.Code < 1 || in.Code > 255:
		return fmt.Errorf("code is %d, exceptions are 1 to 255", in.Code)
	case in.Share < 0 || in.Share > 1:
		return fmt.Errorf("share is %v, it is 0 to 1", in.Share)
	case len(in.Steps) > 0 && in.Fault != FaultOutage && in.Fault != FaultPlanned:
		return fmt.Errorf("steps belong to an outage, not to %s", in.Fault)
	case in.Lockout != Span{} && in.Fault != FaultMomentary:
		return fmt.Errorf("lockout belongs to momentary, not to %s", in.Fault)
	case in.Window != Span{} && in.Fault != FaultPlanned && in.Fault != FaultFirmware:
		return fmt.Errorf("window belongs to planned and firmware, not to %s", in.Fault)
	case in.Fault == FaultPlanned && (in.Window == Span{} || in.For == Span{}):
		return errors.New("planned needs window, as announced, and for, as it was")
	case in.Fault == FaultClockJump && in.By == Shift{}:
		return errors.New("clock_jump needs by")
	case len(in.Then) > 0 && !in.Fault.strikes(placeNode):
		return fmt.Errorf("then belongs to what strikes a node, not to %s", in.Fault)
	}
	if !slices.Contains(faultKinds, in.Fault) {
		return fmt.Errorf("fault %q is none of %v", in.Fault, faultKinds)
	}
	for i, step := range in.Steps {
		if (step.Where == "") == (step.But == "") {
			return fmt.Errorf("step %d: one of where and but is needed, and not both", i+1)
		}
	}
	for i := range in.Then {
		next := &in.Then[i]
		if next.At != nil || next.Every != nil || next.After == (Span{}) || !next.Fault.strikes(placeNode) || next.Window != (Span{}) {
			return fmt.Errorf("then %d: it strikes a node after the first one does: after is needed, at, every and window are not", i+1)
		}
		if err := next.checkFault(); err != nil {
			return fmt.Errorf("then %d: %w", i+1, err)
		}
	}
	if in.Phase != "" {
		if _, err := parsePhases(in.Phase); err != nil {
			return err
		}
	}
	return nil
}
