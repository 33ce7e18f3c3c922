package modbus

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lastgasp/headend"
)

// shared is the folder of test data outside the repository; the test skips where it is not there.
func shared(t *testing.T, elements ...string) string {
	t.Helper()
	root := os.Getenv("LASTGASP_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(append([]string{root}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no shared test data: %v (set LASTGASP_SHARED)", err)
	}
	return path
}

// loadOnce reads the shipped profiles for all tests.
var loadOnce = sync.OnceValues(func() (*Profiles, error) { return LoadProfiles("") })

// profiles is the shipped profiles, to which a test may add its own.
func profiles(t testing.TB) *Profiles {
	t.Helper()
	p, err := loadOnce()
	if err != nil {
		t.Fatal(err)
	}
	return &Profiles{byModel: maps.Clone(p.byModel)}
}

func profileOf(t testing.TB, model string) *Profile {
	t.Helper()
	p, err := profiles(t).Get(model)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// mapped is a register of the shared register maps.
type mapped struct {
	Name      string
	FC        int
	Address   int
	Count     int
	Type      string
	WordOrder *string
	Scale     json.Number
	Unit      string
	Quantity  string
}

// Every register of every shared map is in the profile of the same name, at the same place and in the same
// type, order and scale; only commands are left out.
func TestProfilesHoldTheMaps(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "devices", "modbus"), "*.json"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%d maps (%v)", len(files), err)
	}
	all := profiles(t)
	for _, file := range files {
		model := strings.TrimSuffix(filepath.Base(file), ".json")
		if model == "vectors" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var m struct{ Registers []mapped }
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		p, err := all.Get(model)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range m.Registers {
			if want.FC > 4 || want.Quantity == "command" || p.SunSpec != nil && want.Address < 2 {
				continue
			}
			sameRegister(t, p, want)
		}
	}
}

func sameRegister(t *testing.T, p *Profile, want mapped) {
	t.Helper()
	for i := range p.Registers {
		reg := &p.Registers[i]
		if int(reg.Function) != want.FC || int(reg.Address) != want.Address || reg.Name != want.Name {
			continue
		}
		scale, err := headend.ParseDecimal(want.Scale.String())
		if err != nil {
			t.Fatal(err)
		}
		typ := want.Type
		switch {
		case typ == "string":
			typ = "text"
		case reg.Type == ScaleFactor:
			typ = "sunssf"
		}
		little := want.WordOrder != nil && *want.WordOrder == "little"
		if reg.Type.String() != typ || int(reg.Count) != want.Count || reg.WordLittle != little && reg.Count > 1 || reg.Scale.Float64() != scale.Float64() {
			t.Errorf("%s: %s is %s×%d, little %v, scale %v; the map has %+v", p.Model, reg.Name, reg.Type, reg.Count, reg.WordLittle, reg.Scale, want)
		}
		return
	}
	t.Errorf("%s: %s (function %d, address %d) is missing", p.Model, want.Name, want.FC, want.Address)
}

func TestProfileSettings(t *testing.T) {
	p := profileOf(t, "sel_751a")
	if p.Kind != headend.KindRTU || p.Timeout != time.Second || p.Window != 1 || p.Missed != 3 {
		t.Errorf("%+v", p)
	}
	state := p.Groups[p.group("state")]
	energy := p.Groups[p.group("energy")]
	if state.Interval != time.Second || state.Aligned || energy.Interval != 15*time.Minute || !energy.Aligned {
		t.Errorf("state %+v, energy %+v", state, energy)
	}
	if p := profileOf(t, "siemens_sicam_fcm"); !strings.Contains(p.Addresses, "unknown") {
		t.Errorf("the doubt about its addresses is not told: %q", p.Addresses)
	}
}

const smallProfile = `model: own
maker: Me
source: my desk
function: 3
groups:
  live: {interval: 10s}
registers:
  - {quantity: v1, address: 0, type: u16, scale: 0.1, unit: V}
`

// Each fault is told with file and line.
func TestProfileFaults(t *testing.T) {
	for _, c := range []struct{ name, entry, want string }{
		{"unknown key", "  - {quantity: p, adress: 1, type: u16, unit: W}", `own.yaml:9: unknown key "adress"`},
		{"wrong type", "  - {quantity: p, address: 1, type: u17, unit: W}", `own.yaml:9: unknown type "u17"`},
		{"no address", "  - {quantity: p, type: u16, unit: W}", "own.yaml:9: address is missing"},
		{"negative address", "  - {quantity: p, address: -1, type: u16, unit: W}", `own.yaml:9: "-1"; wanted a whole number from 0 to 65535`},
		{"beyond the end", "  - {quantity: p, address: 65535, type: u32, unit: W}", "own.yaml:9: address 65535 and count 2 reach beyond 65535"},
		{"overlap", "  - {quantity: p, address: 0, type: u32, unit: W}", "own.yaml:9: p at 0 and v1 at 0 (line 8): they overlap"},
		{"twice", "  - {quantity: v1, address: 5, type: u16, unit: V}", "own.yaml:9: v1 is defined in line 8 already"},
		{"same register twice", "  - {quantity: v2, address: 0, type: u16, unit: V}", "own.yaml:9: v2 at 0 and v1 at 0 (line 8): the same registers twice"},
		{"unit of another kind", "  - {quantity: p, address: 1, type: u16, unit: kWh}", `own.yaml:9: p is in W, not in "kWh"`},
		{"unknown unit", "  - {quantity: temperature, address: 1, type: u16, unit: furlong}", `own.yaml:9: unknown unit "furlong"`},
		{"no unit", "  - {quantity: temperature, address: 1, type: u16}", "own.yaml:9: unit is missing"},
		{"bad quantity", "  - {quantity: Leistung, address: 1, type: u16, unit: W}", `own.yaml:9: "Leistung" is no name for a quantity`},
		{"no group", "  - {quantity: p, address: 1, type: u16, unit: W, group: slow}", `own.yaml:9: there is no group "slow"`},
		{"no factor", "  - {quantity: p, address: 1, type: i16, unit: W, factor: W_SF}", `own.yaml:9: there is no register of type sunssf named "W_SF"`},
		{"state without meaning", "  - {state: breaker, address: 1, type: u16}", "own.yaml:9: a state needs enum"},
		{"impossible position", "  - {state: breaker, address: 1, type: u16, enum: {0: ajar}}", `own.yaml:9: "ajar" is no position of this state`},
		{"bits of registers", "  - {quantity: p, address: 1, type: bit, unit: 1}", "own.yaml:9: type bit with function 3"},
		{"mask too wide", "  - {quantity: x, address: 1, type: u16, unit: 1, mask: 0x10000}", "own.yaml:9: mask 0x10000; it picks among 16 bits"},
		{"two roles", "  - {quantity: p, info: p, address: 1, type: u16, unit: W}", "own.yaml:9: a register is exactly one of"},
		{"key twice", "  - {quantity: p, address: 1, address: 2, type: u16, unit: W}", `own.yaml:9: "address" is given twice`},
		{"no mapping", "  - p", `own.yaml:9: wanted key: value, found "p"`},
		{"scale zero", "  - {quantity: p, address: 1, type: u16, unit: W, scale: 0}", "own.yaml:9: scale 0"},
		{"infinite scale", "  - {quantity: p, address: 1, type: u16, unit: W, scale: .inf}", `own.yaml:9: scale: ".inf": not a number`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseProfile("own.yaml", []byte(smallProfile+c.entry+"\n"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
	if _, err := ParseProfile("own.yaml", []byte(smallProfile)); err != nil {
		t.Errorf("without the fault: %v", err)
	}
	states := strings.Replace(smallProfile, "interval: 10s}", "interval: 10s}\n  state: {interval: 1s, stuck: 5}", 1) + "  - {state: breaker, address: 1, type: u16, enum: {0: open}, group: state}\n"
	states = strings.Replace(states, "unit: V}", "unit: V, group: live}", 1)
	if _, err := ParseProfile("own.yaml", []byte(states)); err == nil || !strings.Contains(err.Error(), "group state: stuck needs a quantity") {
		t.Errorf("stuck without a quantity: %v", err)
	}
	for text, want := range map[string]string{
		"": "own.yaml", "a: [": "own.yaml", "- 1": "own.yaml:1", "model: other": `own.yaml:1: model "other"`,
	} {
		if _, err := ParseProfile("own.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
}

func TestOwnFolderGoesOver(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("own.yaml", smallProfile)
	write("sel_751.yaml", strings.Replace(smallProfile, "model: own", "model: sel_751", 1))
	write("README.txt", "not a profile")
	all, err := LoadProfiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{"own", "sel_751"} {
		if p, err := all.Get(model); err != nil || p.Maker != "Me" {
			t.Errorf("%s: %+v (%v)", model, p, err)
		}
	}
	if _, err := all.Get("sel_751a"); err != nil {
		t.Error(err)
	}
	write("broken.yaml", "model: broken\nspeed: fast\n")
	if _, err := LoadProfiles(dir); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "broken.yaml")+":2: unknown key") {
		t.Errorf("error %v", err)
	}
	if _, err := LoadProfiles(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a folder that is not there was taken")
	}
}

func FuzzParseProfile(f *testing.F) {
	f.Add(smallProfile)
	for _, name := range []string{"sel_751a", "sunspec_203", "eastron_sdm120"} {
		text, err := shipped.ReadFile("profiles/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseProfile("own.yaml", []byte(text))
		if err != nil {
			return
		}
		for g := range p.Groups { // what loads can be planned
			newPlan(p, p.inGroup(g), 0, p.limits())
		}
	})
}
