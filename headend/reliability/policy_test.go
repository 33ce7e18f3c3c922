package reliability_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

func shippedText(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("policies/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestShippedPolicies(t *testing.T) {
	ieee, vn := policy(t, "ieee1366"), policy(t, "vn")
	five := reliability.Threshold{Sign: reliability.Above, Length: 5 * time.Minute}
	if ieee.Sustained != five || vn.Sustained != five {
		t.Errorf("sustained is %s and %s", ieee.Sustained, vn.Sustained)
	}
	if ieee.PeriodCustomers != reliability.MeanOfMonths || vn.PeriodCustomers != reliability.SumOfMonths {
		t.Errorf("periods are made as %s and %s", ieee.PeriodCustomers, vn.PeriodCustomers)
	}
	if ieee.MajorDays != (reliability.MajorDays{On: true, Beta: 2.5, Years: 5}) || vn.MajorDays.On || !ieee.Momentary.Events || vn.Momentary.Events {
		t.Errorf("major days %+v and %+v, momentary %+v and %+v", ieee.MajorDays, vn.MajorDays, ieee.Momentary, vn.Momentary)
	}
	if vn.Service.Restore != 2*time.Hour || vn.Service.NoticeDays != 5 || len(vn.Service.Emergency) != 2 {
		t.Errorf("service limits %+v", vn.Service)
	}
	if ieee.Digest == vn.Digest || len(ieee.Digest) != 12 {
		t.Errorf("digests %q and %q", ieee.Digest, vn.Digest)
	}
}

func TestAnotherPolicyIsAFile(t *testing.T) {
	text := strings.NewReplacer("policy: vn", "policy: field", `sustained: {sign: ">"`, `sustained: {sign: ">="`).Replace(shippedText(t, "vn"))
	all, err := reliability.LoadPolicies(fstest.MapFS{"field.yaml": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	r := headend.Interruption{ID: 1, Start: local("2026-03-01 10:00"), End: local("2026-03-01 10:05")}
	is(t, "SAIFI of exactly 5 minutes", indices(t, all["field"], district(t, 10), []headend.Interruption{r}).SAIFI, "1/10")
}

func TestPolicyFaultsNameTheirPlace(t *testing.T) {
	good := shippedText(t, "ieee1366")
	lineOf := func(text, part string) int {
		before, _, found := strings.Cut(text, part)
		if !found {
			t.Fatalf("%q is not in the policy", part)
		}
		return 1 + strings.Count(before, "\n")
	}
	for _, c := range []struct{ from, to, reason string }{
		{`sign: ">", length: 5m`, `sign: "=>", length: 5m`, `sustained.sign is "=>"; it is one of >, >=`},
		{`sign: ">", length: 5m`, `sign: ">", length: 5`, `sustained.length is "5"`},
		{`sign: ">", length: 5m`, `sign: ">", length: -5m`, `more than 0`},
		{`sign: ">", length: 5m`, `sign: ">", length: 5m, unit: s`, `field unit not found`},
		{"one_phase: interruption", "one_phase: half", `one_phase is "half"; it is one of interruption, beside`},
		{"beta: 2.5", "beta: -1", "major_event_days.beta is -1"},
		{"beta: 2.5", "beta: .nan", "major_event_days.beta is NaN"},
		{"{on: true, beta: 2.5, years: 5}", "{on: false, years: 5}", "has a rule, and is off"},
		{"cemi: [1, 2, 3", "cemi: [1, 3, 2", "shares.cemi has 2"},
		{"lines: [fault, planned, transmission]", "lines: [fault, planned, planned]", `line "planned" is empty or stands twice`},
		{"{name: planned, counted: true, line: planned}", "{name: planned, counted: true, line: storm}", `counted in line "storm"`},
		{"{name: planned, counted: true, line: planned}", "{name: fault, counted: true, line: planned}", `category "fault" stands twice`},
		{"{name: disconnected, counted: false}", "{name: disconnected, counted: false, line: fault}", "not counted, and has a line"},
		{"{name: disconnected, counted: false}", "{name: disconnected}", "does not say whether it is counted"},
		{"{name: disconnected, counted: false}", "{name: partial_phase, counted: false}", "one that every policy has"},
		{"{name: disconnected, counted: false}", "{name: disconnected, counted: false, declaration: true}", `without one it is ""`},
		{"{cause: theft, category: disconnected}", "{cause: theft, category: nothing}", `cause "theft" has category "nothing", which is none`},
		{"{cause: theft, category: disconnected}", "{cause: theft}", `cause "theft" has category ""`},
		{"{cause: theft, category: disconnected}", "{cause: tree, category: disconnected}", `cause "tree" stands twice`},
		{"unlisted: {fault: fault, planned: planned}", "unlisted: {fault: fault, planned: gone}", `unlisted has category "gone"`},
		{"restore: 2h", "restore: soon", `service.restore is "soon"`},
		{"month: mean_of_days", "month: [1]", "cannot unmarshal"},
		{"title: ", "title: {", "did not find"},
	} {
		bad := strings.Replace(good, c.from, c.to, 1)
		_, err := reliability.ParsePolicy("ieee1366.yaml", []byte(bad))
		var fault *reliability.PolicyFault
		if !errors.As(err, &fault) {
			t.Errorf("%s: error %v is no *PolicyFault", c.to, err)
			continue
		}
		if !strings.Contains(err.Error(), c.reason) && c.reason != "did not find" {
			t.Errorf("%s: error %q does not say %q", c.to, err, c.reason)
		}
		if want := lineOf(good, c.from); fault.Line != want && c.reason != "did not find" || fault.File != "ieee1366.yaml" {
			t.Errorf("%s: error %q is at %s:%d, want line %d", c.to, err, fault.File, fault.Line, want)
		}
	}
	for _, missing := range []string{"one_phase: interruption\n", "policy: ieee1366\n", `  - {cause: "", fault: fault, planned: planned}` + "\n", "  restore: 2h\n", "  notice_days: 5\n"} {
		if _, err := reliability.ParsePolicy("ieee1366.yaml", []byte(strings.Replace(good, missing, "", 1))); err == nil {
			t.Errorf("a policy without %q is taken", missing)
		}
	}
	if _, err := reliability.ParsePolicy("ieee1366.yaml", []byte(strings.Replace(good, "one_phase: interruption", "one_phase:", 1))); err == nil {
		t.Error("a policy with an empty one_phase is taken")
	}
	if _, err := reliability.ParsePolicy("other.yaml", []byte(good)); err == nil {
		t.Error("a policy in a file of another name is taken")
	}
	if _, err := reliability.ParsePolicy("ieee1366.yaml", []byte(good+"\n---\npolicy: second\n")); err == nil {
		t.Error("a second document is taken")
	}
	if _, err := reliability.ParsePolicy("ieee1366.yaml", nil); err == nil {
		t.Error("an empty file is taken")
	}
	// All faults of all files at once.
	bad := strings.NewReplacer("one_phase: interruption", "one_phase: half", "restore: 2h", "restore: soon").Replace(good)
	_, err := reliability.LoadPolicies(fstest.MapFS{"ieee1366.yaml": {Data: []byte(bad)}, "vn.yaml": {Data: []byte("policy: 7\nfoo: 1\n")}})
	if err == nil || strings.Count(err.Error(), "\n") < 2 || !strings.Contains(err.Error(), "vn.yaml:2: field foo not found") {
		t.Errorf("faults %v", err)
	}
	if _, err := reliability.LoadPolicies(brokenFS{}); err == nil {
		t.Error("a folder that cannot be read is taken")
	}
}

type brokenFS struct{}

func (brokenFS) Open(string) (fs.File, error) { return nil, fs.ErrPermission }

func (brokenFS) ReadDir(string) ([]fs.DirEntry, error) {
	return []fs.DirEntry{fs.FileInfoToDirEntry(broken{})}, nil
}

type broken struct{}

func (broken) Name() string       { return "vn.yaml" }
func (broken) Size() int64        { return 1 }
func (broken) Mode() fs.FileMode  { return 0 }
func (broken) ModTime() time.Time { return time.Time{} }
func (broken) IsDir() bool        { return false }
func (broken) Sys() any           { return nil }

func FuzzParsePolicy(f *testing.F) {
	f.Add(shippedText(f, "vn"))
	f.Add(shippedText(f, "ieee1366"))
	f.Add("policy: x\ncauses: [{cause: a, category: b}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := reliability.ParsePolicy("vn.yaml", []byte(text))
		if err != nil {
			return
		}
		for cause := range p.Causes { // what is taken can be used
			for flags := range 8 {
				r := headend.Interruption{Cause: cause, Planned: flags&1 > 0, Own: flags&2 > 0, Declared: flags&4 > 0}
				if c, _ := p.CategoryOf(&r); c == nil {
					t.Fatalf("cause %q has no category", cause)
				}
			}
		}
		if c, _ := p.CategoryOf(&headend.Interruption{Cause: "\x00 not listed"}); c == nil {
			t.Fatal("causes in no table have no category")
		}
	})
}
