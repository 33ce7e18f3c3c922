package reliability

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed policies/*.yaml
var shipped embed.FS

// PolicyFault is what is wrong in a policy file, and where.
type PolicyFault struct {
	File   string
	Line   int // 0: the file as a whole
	Reason string
}

// Error prints file, line and reason.
func (f *PolicyFault) Error() string {
	if f.Line == 0 {
		return f.File + ": " + f.Reason
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Reason)
}

// Shipped are the policies that come with the program, by name.
func Shipped() (map[string]*Policy, error) {
	sub, err := fs.Sub(shipped, "policies")
	if err != nil {
		return nil, fmt.Errorf("open the shipped policies: %w", err)
	}
	return LoadPolicies(sub)
}

// LoadPolicies reads every .yaml file of a folder. A policy is named by its file. All faults of all files are
// returned together, each a *PolicyFault.
func LoadPolicies(folder fs.FS) (map[string]*Policy, error) {
	names, err := fs.Glob(folder, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	out := make(map[string]*Policy, len(names))
	var faults []error
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, fmt.Errorf("read policy %s: %w", name, err)
		}
		p, err := ParsePolicy(name, text)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		out[p.Name] = p
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return out, nil
}

// maxPolicyFile bounds a policy file, in bytes.
const maxPolicyFile = 1 << 20

// ParsePolicy reads one policy file. Unknown keys, missing ones and contradictions are faults; all that are found are
// returned together, each a *PolicyFault with its line.
func ParsePolicy(file string, text []byte) (*Policy, error) {
	if len(text) > maxPolicyFile {
		return nil, &PolicyFault{File: file, Reason: fmt.Sprintf("has %d bytes, at most %d are allowed", len(text), maxPolicyFile)}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var f policyFile
	if err := decoder.Decode(&f); err != nil {
		return nil, yamlFaults(file, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, &PolicyFault{File: file, Reason: "holds a second document, or something that is none"}
	}
	sum := sha256.Sum256(text)
	r := reader{file: file}
	p := r.policy(&f)
	p.Digest = hex.EncodeToString(sum[:6])
	if len(r.faults) > 0 {
		sort.SliceStable(r.faults, func(i, j int) bool { return r.faults[i].Line < r.faults[j].Line })
		list := make([]error, len(r.faults))
		for i, fault := range r.faults {
			list[i] = fault
		}
		return nil, errors.Join(list...)
	}
	return p, nil
}

// yamlFaults gives each complaint of the YAML reader its place.
func yamlFaults(file string, err error) error {
	complaints := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	var typed *yaml.TypeError
	if errors.As(err, &typed) {
		complaints = typed.Errors
	}
	var list []error
	for _, text := range complaints {
		fault := &PolicyFault{File: file, Reason: text}
		if rest, ok := strings.CutPrefix(text, "line "); ok {
			if number, reason, ok := strings.Cut(rest, ": "); ok {
				if n, err := strconv.Atoi(number); err == nil {
					fault.Line, fault.Reason = n, reason
				}
			}
		}
		fault.Reason, _, _ = strings.Cut(fault.Reason, " in type ")
		list = append(list, fault)
	}
	return errors.Join(list...)
}

// at is a value and the line it stands on; line 0 says that it is missing.
type at[T any] struct {
	value T
	line  int
}

// UnmarshalYAML takes the value with its line. It is not called for an empty value, which so counts as missing.
func (a *at[T]) UnmarshalYAML(node *yaml.Node) error {
	a.line = node.Line
	return node.Decode(&a.value)
}

// policyFile is a policy as it is written.
type policyFile struct {
	Policy    at[string]   `yaml:"policy"`
	Title     at[string]   `yaml:"title"`
	Notes     []at[string] `yaml:"notes"`
	Sustained struct {
		Sign   at[string] `yaml:"sign"`
		Length at[string] `yaml:"length"`
	} `yaml:"sustained"`
	Customers struct {
		Counted at[string] `yaml:"counted"`
		Month   at[string] `yaml:"month"`
		Period  at[string] `yaml:"period"`
	} `yaml:"customers"`
	OnePhase  at[string] `yaml:"one_phase"`
	Momentary struct {
		Interruptions at[bool] `yaml:"interruptions"`
		Events        at[bool] `yaml:"events"`
		Window        struct {
			Sign   at[string] `yaml:"sign"`
			Length at[string] `yaml:"length"`
		} `yaml:"window"`
		BeforeLockout at[string] `yaml:"before_lockout"`
	} `yaml:"momentary"`
	MajorDays struct {
		On    at[bool]    `yaml:"on"`
		Beta  at[float64] `yaml:"beta"`
		Years at[int]     `yaml:"years"`
	} `yaml:"major_event_days"`
	Shares struct {
		Sign          at[string] `yaml:"sign"`
		Sustained     at[[]int]  `yaml:"cemi"`
		Events        at[[]int]  `yaml:"cemsmi"`
		SingleHours   at[[]int]  `yaml:"celid_s_hours"`
		TogetherHours at[[]int]  `yaml:"celid_t_hours"`
	} `yaml:"shares"`
	Lines      []at[string] `yaml:"lines"`
	Categories []struct {
		Name        at[string] `yaml:"name"`
		Counted     at[bool]   `yaml:"counted"`
		Line        at[string] `yaml:"line"`
		Declaration at[bool]   `yaml:"declaration"`
		Otherwise   at[string] `yaml:"otherwise"`
	} `yaml:"categories"`
	Causes   []causeFile `yaml:"causes"`
	Unlisted causeFile   `yaml:"unlisted"`
	Service  struct {
		Restore    at[string] `yaml:"restore"`
		NoticeDays at[int]    `yaml:"notice_days"`
		Emergency  []struct {
			Name  at[string] `yaml:"name"`
			Limit at[string] `yaml:"limit"`
		} `yaml:"emergency_notice"`
		EmergencyOf []at[string] `yaml:"emergency_notice_of"`
	} `yaml:"service"`
}

type causeFile struct {
	Cause    at[string] `yaml:"cause"`
	Category at[string] `yaml:"category"` // of faults and planned cuts alike
	Fault    at[string] `yaml:"fault"`
	Planned  at[string] `yaml:"planned"`
	Own      at[string] `yaml:"own"`
}

// reader turns what is written into a Policy and collects what is wrong.
type reader struct {
	file   string
	faults []*PolicyFault
}

func (r *reader) refuse(line int, format string, args ...any) {
	r.faults = append(r.faults, &PolicyFault{r.file, line, fmt.Sprintf(format, args...)})
}

func (r *reader) policy(f *policyFile) *Policy {
	p := &Policy{File: r.file, Name: r.text(f.Policy, "policy"), Title: r.text(f.Title, "title")}
	if name := strings.TrimSuffix(path.Base(r.file), ".yaml"); p.Name != name && f.Policy.line > 0 {
		r.refuse(f.Policy.line, "policy %q stands in a file named %q", p.Name, name)
	}
	for _, note := range f.Notes {
		p.Notes = append(p.Notes, note.value)
	}
	p.Sustained = r.threshold(f.Sustained.Sign, f.Sustained.Length, "sustained", Above, AtLeast)
	p.Counted = r.text(f.Customers.Counted, "customers.counted")
	p.MonthCustomers = MonthCustomers(r.choice(f.Customers.Month, "customers.month", monthCustomersNames[:]))
	p.PeriodCustomers = PeriodCustomers(r.choice(f.Customers.Period, "customers.period", periodCustomersNames[:]))
	p.OnePhase = r.choice(f.OnePhase, "one_phase", []string{"", "interruption", "beside"}) == 1
	r.momentary(p, f)
	r.majorDays(p, f)
	r.shares(p, f)
	r.lines(p, f)
	r.causes(p, f)
	r.service(p, f)
	return p
}

func (r *reader) text(v at[string], name string) string {
	if v.line == 0 {
		r.refuse(0, "%s is missing", name)
	} else if strings.TrimSpace(v.value) == "" {
		r.refuse(v.line, "%s is empty", name)
	}
	return v.value
}

// choice is the place of the word in the list, from 1.
func (r *reader) choice(v at[string], name string, words []string) int {
	if v.line == 0 {
		r.refuse(0, "%s is missing; it is one of %s", name, strings.Join(words[1:], ", "))
		return 0
	}
	if i := slices.Index(words, v.value); i > 0 {
		return i
	}
	r.refuse(v.line, "%s is %q; it is one of %s", name, v.value, strings.Join(words[1:], ", "))
	return 0
}

func (r *reader) sign(v at[string], name string, allowed ...Sign) Sign {
	words := []string{""}
	for _, s := range allowed {
		words = append(words, s.String())
	}
	if i := r.choice(v, name+".sign", words); i > 0 {
		return allowed[i-1]
	}
	return 0
}

// maxLength bounds thresholds and limits.
const maxLength = 366 * 24 * time.Hour

func (r *reader) length(v at[string], name string) time.Duration {
	if v.line == 0 {
		r.refuse(0, "%s is missing", name)
		return 0
	}
	d, err := time.ParseDuration(v.value)
	switch {
	case err != nil:
		r.refuse(v.line, "%s is %q; a length is written like 5m or 2h30m", name, v.value)
	case d <= 0 || d > maxLength:
		r.refuse(v.line, "%s is %s; it is more than 0 and at most a year", name, v.value)
	case d%time.Millisecond != 0:
		r.refuse(v.line, "%s is %s; the ledger knows whole milliseconds", name, v.value)
	}
	return d
}

func (r *reader) threshold(sign, length at[string], name string, allowed ...Sign) Threshold {
	return Threshold{r.sign(sign, name, allowed...), r.length(length, name+".length")}
}

func (r *reader) yes(v at[bool], name string) bool {
	if v.line == 0 {
		r.refuse(0, "%s is missing; it is true or false", name)
	}
	return v.value
}

func (r *reader) momentary(p *Policy, f *policyFile) {
	m := &f.Momentary
	p.Momentary.Interruptions = r.yes(m.Interruptions, "momentary.interruptions")
	p.Momentary.Events = r.yes(m.Events, "momentary.events")
	p.Momentary.LockoutCounts = r.choice(m.BeforeLockout, "momentary.before_lockout", []string{"", "counted", "none"}) == 1
	if p.Momentary.Events {
		p.Momentary.Window = r.threshold(m.Window.Sign, m.Window.Length, "momentary.window", AtMost, Below)
	} else if !p.Momentary.LockoutCounts {
		r.refuse(m.BeforeLockout.line, "momentary.before_lockout is none, and without events there is no window in which a lockout follows")
	} else if m.Window.Sign.line+m.Window.Length.line > 0 {
		r.refuse(max(m.Window.Sign.line, m.Window.Length.line), "momentary.window is given, and events are not counted")
	}
}

func (r *reader) majorDays(p *Policy, f *policyFile) {
	m := &f.MajorDays
	p.MajorDays = MajorDays{On: r.yes(m.On, "major_event_days.on"), Beta: m.Beta.value, Years: m.Years.value}
	if !p.MajorDays.On {
		if line := max(m.Beta.line, m.Years.line); line > 0 {
			r.refuse(line, "major_event_days has a rule, and is off")
		}
		return
	}
	if !(p.MajorDays.Beta > 0) || math.IsInf(p.MajorDays.Beta, 0) || p.MajorDays.Beta > 100 {
		r.refuse(m.Beta.line, "major_event_days.beta is %v; it is more than 0 and at most 100", m.Beta.value)
	}
	if p.MajorDays.Years < 1 || p.MajorDays.Years > 50 {
		r.refuse(m.Years.line, "major_event_days.years is %d; it is 1 to 50", m.Years.value)
	}
}

func (r *reader) shares(p *Policy, f *policyFile) {
	s := &f.Shares
	p.Shares = Shares{Sign: r.sign(s.Sign, "shares", AtLeast, Above),
		Sustained: r.bounds(s.Sustained, "shares.cemi"), Events: r.bounds(s.Events, "shares.cemsmi"),
		SingleHours: r.bounds(s.SingleHours, "shares.celid_s_hours"), TogetherHours: r.bounds(s.TogetherHours, "shares.celid_t_hours")}
	if len(p.Shares.Events) > 0 && !p.Momentary.Events {
		r.refuse(s.Events.line, "shares.cemsmi counts momentary events, and the policy does not")
	}
}

func (r *reader) bounds(v at[[]int], name string) []int {
	if len(v.value) > 32 {
		r.refuse(v.line, "%s has %d bounds, at most 32 are allowed", name, len(v.value))
	}
	for i, n := range v.value {
		if n < 1 || n > 8784 || i > 0 && n <= v.value[i-1] {
			r.refuse(v.line, "%s has %d; bounds are 1 to 8784 and rise", name, n)
			break
		}
	}
	return v.value
}

func (r *reader) lines(p *Policy, f *policyFile) {
	if len(f.Lines) == 0 {
		r.refuse(0, "lines is missing")
	}
	for _, line := range f.Lines {
		if slices.Contains(p.Lines, line.value) || line.value == "" {
			r.refuse(line.line, "line %q is empty or stands twice", line.value)
		}
		p.Lines = append(p.Lines, line.value)
	}
	if len(f.Categories) == 0 {
		r.refuse(0, "categories is missing")
	}
	for i := range f.Categories {
		c := &f.Categories[i]
		category := Category{Name: r.text(c.Name, "the name of a category"), Counted: c.Counted.value, Line: c.Line.value,
			Declaration: c.Declaration.value, Otherwise: c.Otherwise.value}
		if c.Counted.line == 0 {
			r.refuse(c.Name.line, "category %q does not say whether it is counted", category.Name)
		}
		switch {
		case p.category(category.Name) != nil:
			r.refuse(c.Name.line, "category %q stands twice", category.Name)
		case category.Name == PartialPhase || category.Name == StartUnknown:
			r.refuse(c.Name.line, "category %q is one that every policy has", category.Name)
		case category.Counted && !slices.Contains(p.Lines, category.Line):
			r.refuse(c.Name.line, "category %q is counted in line %q, which is none of %s", category.Name, category.Line, strings.Join(p.Lines, ", "))
		case !category.Counted && category.Line != "":
			r.refuse(c.Line.line, "category %q is not counted, and has a line", category.Name)
		}
		p.Categories = append(p.Categories, category)
	}
	for i := range p.Categories {
		c, written := &p.Categories[i], &f.Categories[i]
		if c.Declaration {
			other := p.category(c.Otherwise)
			if other == nil || other.Declaration {
				r.refuse(written.Name.line, "category %q needs a declaration; without one it is %q, which is no category that stands by itself", c.Name, c.Otherwise)
			}
		} else if c.Otherwise != "" {
			r.refuse(written.Otherwise.line, "category %q needs no declaration, and says what it is without one", c.Name)
		}
	}
	p.Categories = append(p.Categories, Category{Name: PartialPhase}, Category{Name: StartUnknown})
}

func (r *reader) causes(p *Policy, f *policyFile) {
	p.Causes = make(map[string]Cause, len(f.Causes))
	for i := range f.Causes {
		c := &f.Causes[i]
		if c.Cause.line == 0 {
			r.refuse(max(c.Category.line, c.Fault.line, c.Planned.line), "an entry of causes names no cause")
			continue
		}
		if _, twice := p.Causes[c.Cause.value]; twice {
			r.refuse(c.Cause.line, "cause %q stands twice", c.Cause.value)
		}
		p.Causes[c.Cause.value] = r.cause(p, c, "cause "+strconv.Quote(c.Cause.value), c.Cause.line)
	}
	if _, ok := p.Causes[""]; !ok {
		r.refuse(0, `causes has no entry for cause "", which stands for one that is not known`)
	}
	if f.Unlisted.Cause.line > 0 {
		r.refuse(f.Unlisted.Cause.line, "unlisted names a cause")
	}
	p.Unlisted = r.cause(p, &f.Unlisted, "unlisted", max(f.Unlisted.Category.line, f.Unlisted.Fault.line, f.Unlisted.Planned.line))
}

func (r *reader) cause(p *Policy, c *causeFile, name string, line int) Cause {
	out := Cause{Fault: c.Fault.value, Planned: c.Planned.value, Own: c.Own.value}
	if c.Category.line > 0 {
		if c.Fault.line+c.Planned.line > 0 {
			r.refuse(c.Category.line, "%s has a category for all, and one for faults or planned cuts", name)
		}
		out.Fault, out.Planned = c.Category.value, c.Category.value
	}
	for _, category := range []string{out.Fault, out.Planned} {
		if p.category(category) == nil {
			r.refuse(line, "%s has category %q, which is none", name, category)
			break
		}
	}
	if out.Own != "" && p.category(out.Own) == nil {
		r.refuse(line, "%s has category %q for the customer's own, which is none", name, out.Own)
	}
	return out
}

func (r *reader) service(p *Policy, f *policyFile) {
	s := &f.Service
	p.Service.Restore = r.length(s.Restore, "service.restore")
	p.Service.NoticeDays = s.NoticeDays.value
	if s.NoticeDays.line == 0 || p.Service.NoticeDays < 0 || p.Service.NoticeDays > 366 {
		r.refuse(s.NoticeDays.line, "service.notice_days is missing or not 0 to 366")
	}
	for _, kind := range s.EmergencyOf {
		p.Service.EmergencyOf = append(p.Service.EmergencyOf, CutKind(r.choice(kind, "service.emergency_notice_of", cutKindNames[:])))
	}
	if (len(s.EmergencyOf) == 0) != (len(s.Emergency) == 0) {
		r.refuse(0, "service.emergency_notice and service.emergency_notice_of belong together")
	}
	for _, e := range s.Emergency {
		p.Service.Emergency = append(p.Service.Emergency, NamedLimit{r.text(e.Name, "service.emergency_notice.name"), r.length(e.Limit, "service.emergency_notice.limit")})
	}
}
