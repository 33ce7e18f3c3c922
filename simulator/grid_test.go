package simulator

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lastgasp/headend"
)

// shared is a file of the external test data; the test is skipped where it is absent.
func shared(t testing.TB, path string) string {
	t.Helper()
	root := os.Getenv("LASTGASP_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared") // beside the module root
	}
	full := filepath.Join(root, path)
	if !exists(full) {
		t.Skipf("external test data %s is absent (LASTGASP_SHARED)", full)
	}
	return full
}

func generated(t testing.TB, spec GridSpec, seed uint64) *Grid {
	t.Helper()
	g, err := Generate(spec, seed)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGenerate(t *testing.T) {
	for _, n := range []int{1, 7, 49, 55, 2000, 4_321} {
		spec := GridSpec{UsagePoints: n, Direct: n / 10, Unmetered: 0.1, Solar: 0.05}
		g := generated(t, spec, 1)
		if len(g.Points) != n {
			t.Errorf("%d usage points asked, %d made", n, len(g.Points))
		}
		sum := 0
		for i, node := range g.Nodes {
			if node.Parent == None {
				sum += g.Count(int32(i))
			}
			if node.Kind == NodeTransformer && (g.Count(int32(i)) > 76 || n > 55 && g.Count(int32(i)) < 24) {
				t.Errorf("transformer %s supplies %d usage points", node.ID, g.Count(int32(i)))
			}
		}
		if sum != n {
			t.Errorf("%d usage points below the substations, want %d", sum, n)
		}
		ids := map[string]bool{}
		once := func(id string) {
			if ids[id] {
				t.Errorf("id %q is given twice", id)
			}
			ids[id] = true
		}
		for _, node := range g.Nodes {
			once(node.ID)
		}
		for _, p := range g.Points {
			once(p.ID)
			if p.Meter != "" {
				once(string(p.Meter))
			}
			if err := p.Meter.Validate(); p.Meter != "" && err != nil {
				t.Error(err)
			}
			if p.Meter != "" && p.Gateway == None && len(p.Password) < 16 {
				t.Errorf("meter %s speaks for itself with password %q", p.Meter, p.Password)
			}
			if p.Gateway != None && g.Nodes[g.Gateways[p.Gateway].Node].Kind != NodeTransformer {
				t.Errorf("gateway of %s does not stand at a transformer", p.ID)
			}
		}
		for _, gateway := range g.Gateways {
			once(string(gateway.ID))
		}
		if again := generated(t, spec, 1); !cmp.Equal(g, again, cmp.AllowUnexported(Grid{})) {
			t.Errorf("%d usage points: the same seed made another grid", n)
		}
		if n > 55 && cmp.Equal(g.Points, generated(t, spec, 2).Points) {
			t.Errorf("%d usage points: another seed made the same grid", n)
		}
	}
}

// 400,000 usage points stay small in memory.
func TestGenerateIsCompact(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	g := generated(t, GridSpec{UsagePoints: 400_000}, 1)
	runtime.GC()
	runtime.ReadMemStats(&after)
	bytes := (after.HeapAlloc - before.HeapAlloc) / uint64(len(g.Points))
	t.Logf("%d bytes a usage point, %d nodes, %d gateways, %d organisations", bytes, len(g.Nodes), len(g.Gateways), len(g.Organisations))
	if bytes > 320 {
		t.Errorf("%d bytes a usage point, at most 320 are allowed", bytes)
	}
	runtime.KeepAlive(g)
}

func TestGenerateRefuses(t *testing.T) {
	for _, spec := range []GridSpec{{}, {UsagePoints: -1}, {UsagePoints: 30_000_000}, {UsagePoints: 10, PointsPerTransformer: -3}} {
		if _, err := Generate(spec, 1); err == nil {
			t.Errorf("%+v was taken", spec)
		}
	}
}

func TestCSVRoundTrip(t *testing.T) {
	spec := GridSpec{UsagePoints: 3000, Direct: 50, Unmetered: 0.05, Solar: 0.1, Climate: Europe}
	g := generated(t, spec, 3)
	dir := filepath.Join(t.TempDir(), "grid")
	if err := g.WriteCSV(dir); err != nil {
		t.Fatal(err)
	}
	back, err := Load(dir, spec)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(g, back, cmp.AllowUnexported(Grid{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("written and read again (-written +read):\n%s", diff)
	}
	for name, header := range map[string]string{
		OrganisationsFile: "id,name,kind,parent,from,to",
		NetworkFile:       "id,name,kind,parent,organisation,rated_kva,from,to",
		UsagePointsFile:   "id,name,address,node,organisation,phases,from,to",
		DevicesFile:       "id,kind,protocol,address,profile,gateway,usage_point,password,from,to",
	} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if first, _, _ := bytes.Cut(data, []byte("\n")); string(first) != header {
			t.Errorf("%s begins with %q", name, first)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, DevicesFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s holds passwords and has mode %v, %v", DevicesFile, info.Mode(), err)
	}
}

func TestLoadRefuses(t *testing.T) {
	files := map[string]string{
		OrganisationsFile: "id,name,kind,parent,from,to\nD,District,district,,,\n",
		NetworkFile:       "id,name,kind,parent,organisation,rated_kva,from,to\nT,T,transformer,F,D,100,,\nF,F,feeder,,D,,,\nOLD,x,switch,F,D,,2020-01-01,2021-01-01\n",
		UsagePointsFile:   "id,name,address,node,organisation,phases,from,to\nU,Ann,here,T,D,L1,2020-01-01,\n",
		DevicesFile:       "id,kind,protocol,address,profile,gateway,usage_point,password,from,to\nM,meter,mqtt,,,G,U,,,\nG,gateway,mqtt,,,,,0123456789abcdef,,\n",
	}
	for _, c := range []struct{ name, file, old, new, want string }{
		{"good", "", "", "", ""},
		{"header", NetworkFile, "rated_kva", "kva", "header is"},
		{"kind", NetworkFile, "F,F,feeder", "F,F,line", `network.csv line 3: kind "line"`},
		{"parent", NetworkFile, "transformer,F", "transformer,X", `parent "X" is not known`},
		{"circle", NetworkFile, "feeder,,", "feeder,T,", "circle"},
		{"twice", NetworkFile, "F,F,feeder", "T,F,feeder", "twice"},
		{"node", UsagePointsFile, "here,T", "here,Z", `usage-points.csv line 2: node "Z" is not known`},
		{"phases", UsagePointsFile, "L1", "R", `phases "R"`},
		{"date", UsagePointsFile, "2020-01-01", "yesterday", `"yesterday" is neither`},
		{"gateway", DevicesFile, "M,meter,mqtt,,,G", "M,meter,mqtt,,,H", `devices.csv line 2: gateway "H" is not known`},
		{"point", DevicesFile, ",U,", ",V,", `usage point "V" is not known`},
		{"columns", DevicesFile, "G,gateway", "G", "wrong number of fields"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range files {
				if name == c.file {
					text = strings.Replace(text, c.old, c.new, 1)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			g, err := Load(dir, GridSpec{})
			switch {
			case c.want == "" && (err != nil || len(g.Points) != 1 || g.Points[0].Meter != "M" || g.Points[0].Gateway != 0 || len(g.Nodes) != 2):
				t.Errorf("error %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestEuropeanLV(t *testing.T) {
	g, err := Load(shared(t, "data/european_lv/topology.json"), GridSpec{})
	if err != nil {
		t.Fatal(err)
	}
	count := map[headend.Phases]int{}
	for _, p := range g.Points {
		count[p.Phases]++
	}
	want := map[headend.Phases]int{headend.L1: 21, headend.L2: 19, headend.L3: 15}
	if diff := cmp.Diff(want, count); diff != "" || g.Count(g.FindNode("TR1")) != 55 {
		t.Errorf("customers by phase (-want +got):\n%s", diff)
	}
}

func TestIEEE123(t *testing.T) {
	path := shared(t, "data/ieee123/topology.json")
	g, err := Load(path, GridSpec{})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]int{"Sw1": 91, "Sw2": 52, "Sw3": 16, "Sw4": 38, "Sw5": 10, "Sw6": 0, "FEEDER": 91} {
		if node := g.FindNode(id); node == None || g.Count(node) != want {
			t.Errorf("%s opens: %d loads lost, want %d", id, g.Count(node), want)
		}
	}
	for _, open := range []string{"Sw7", "Sw8"} {
		if g.FindNode(open) != None {
			t.Errorf("%s is normally open and became a node", open)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var stated struct {
		Lost map[string][]string `json:"interrupted_loads_if_opened"`
	}
	if err := json.Unmarshal(data, &stated); err != nil || len(stated.Lost) != 6 {
		t.Fatalf("%d switches stated: %v", len(stated.Lost), err)
	}
	for id, loads := range stated.Lost {
		var lost []string
		g.Below(g.FindNode(id), func(p int32) { lost = append(lost, g.Points[p].ID) })
		less := func(a, b string) bool { return a < b }
		if diff := cmp.Diff(loads, lost, cmpopts.SortSlices(less), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s opens (-stated +lost):\n%s", id, diff)
		}
	}
}
