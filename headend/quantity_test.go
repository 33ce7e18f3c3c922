package headend

import "testing"

func TestEveryColumnIsFoundByItsName(t *testing.T) {
	for i, q := range Columns {
		if got := q.Column(); got != i {
			t.Errorf("%s has column %d, want %d", q, got, i)
		}
		if got, ok := LookupQuantity([]byte(q)); !ok || got != q {
			t.Errorf("%s is looked up as %q %v", q, got, ok)
		}
		if q.IsEnergy() != (i < EnergyColumns) {
			t.Errorf("%s: IsEnergy is %v", q, q.IsEnergy())
		}
	}
	for _, name := range []Quantity{"", "x", "import_wH", "import_wh_t5", "v4", "p_export", "water"} {
		if got := name.Column(); got != -1 {
			t.Errorf("%q has column %d, and has none", name, got)
		}
		if got, ok := LookupQuantity([]byte(name)); ok {
			t.Errorf("%q is looked up as %q", name, got)
		}
	}
}

func BenchmarkColumn(b *testing.B) {
	for i := range b.N {
		if Columns[i%len(Columns)].Column() < 0 {
			b.Fatal("not found")
		}
	}
}
