package headend

// Quantity names what was measured, in base units: Wh, varh, V, A, W, var, VA, Hz. The unit is part
// of the meaning: an import_wh is whole Wh. Quantities without a constant here are kept too, under the name the
// device's codec gave them (at most MaxQuantityName bytes of [a-z0-9_.:*/-]).
type Quantity string

// MaxQuantityName bounds the name of a quantity, in bytes.
const MaxQuantityName = 64

// Quantities with a column of their own.
const (
	ImportWh     Quantity = "import_wh" // active energy drawn from the network, cumulative register
	ImportWhT1   Quantity = "import_wh_t1"
	ImportWhT2   Quantity = "import_wh_t2"
	ImportWhT3   Quantity = "import_wh_t3"
	ImportWhT4   Quantity = "import_wh_t4"
	ExportWh     Quantity = "export_wh" // active energy fed into the network
	ExportWhT1   Quantity = "export_wh_t1"
	ExportWhT2   Quantity = "export_wh_t2"
	ExportWhT3   Quantity = "export_wh_t3"
	ExportWhT4   Quantity = "export_wh_t4"
	ImportVarh   Quantity = "import_varh" // reactive energy, import
	ImportVarhT1 Quantity = "import_varh_t1"
	ImportVarhT2 Quantity = "import_varh_t2"
	ImportVarhT3 Quantity = "import_varh_t3"
	ImportVarhT4 Quantity = "import_varh_t4"
	ExportVarh   Quantity = "export_varh" // reactive energy, export
	ExportVarhT1 Quantity = "export_varh_t1"
	ExportVarhT2 Quantity = "export_varh_t2"
	ExportVarhT3 Quantity = "export_varh_t3"
	ExportVarhT4 Quantity = "export_varh_t4"
	V1           Quantity = "v1" // voltage of phase L1 to neutral, V
	V2           Quantity = "v2"
	V3           Quantity = "v3"
	I1           Quantity = "i1" // current of phase L1, A
	I2           Quantity = "i2"
	I3           Quantity = "i3"
	P            Quantity = "p"  // active power, W; signed where the meter has one figure for both directions
	P1           Quantity = "p1" // active power of phase L1, W
	P2           Quantity = "p2"
	P3           Quantity = "p3"
	Q            Quantity = "q"   // reactive power, var
	S            Quantity = "s"   // apparent power, VA
	PF           Quantity = "pf"  // power factor, -1 to 1
	F            Quantity = "f"   // frequency, Hz
	THD          Quantity = "thd" // total harmonic distortion of the voltage, %
)

// Columns lists the quantities that have a column in the wide reading table, in the order of the
// columns. The position is the quantity's Column.
var Columns = [...]Quantity{
	ImportWh, ImportWhT1, ImportWhT2, ImportWhT3, ImportWhT4,
	ExportWh, ExportWhT1, ExportWhT2, ExportWhT3, ExportWhT4,
	ImportVarh, ImportVarhT1, ImportVarhT2, ImportVarhT3, ImportVarhT4,
	ExportVarh, ExportVarhT1, ExportVarhT2, ExportVarhT3, ExportVarhT4,
	V1, V2, V3, I1, I2, I3, P, P1, P2, P3, Q, S, PF, F, THD,
}

// EnergyColumns is how many of Columns, from the first, are energy registers in whole Wh or varh.
const EnergyColumns = 20

// columnTable finds a column by a hash of a name's length, first and last byte, without collisions among
// Columns (init checks). Every reading is asked for its column several times between socket and table;
// a map of strings costs five times as much.
var columnTable [512]int8

// hashName is for names of at least one byte.
func hashName[T ~string | ~[]byte](name T) uint {
	n := len(name)
	return (uint(n) + uint(name[0]) + 11*uint(name[n-1])) % uint(len(columnTable))
}

func init() {
	for i := range columnTable {
		columnTable[i] = -1
	}
	for i, q := range Columns {
		if h := hashName(q); columnTable[h] >= 0 {
			panic("two quantities with one hash: " + string(q) + " and " + string(Columns[columnTable[h]]))
		} else {
			columnTable[h] = int8(i)
		}
	}
}

// Column is the quantity's position in Columns, or -1 when it has no column of its own.
func (q Quantity) Column() int {
	if q == "" {
		return -1
	}
	if i := columnTable[hashName(q)]; i >= 0 && Columns[i] == q {
		return int(i)
	}
	return -1
}

// IsEnergy tells whether the quantity is a cumulative register in whole Wh or varh.
func (q Quantity) IsEnergy() bool {
	i := q.Column()
	return i >= 0 && i < EnergyColumns
}

// LookupQuantity is Quantity(name) without an allocation when the name is one of Columns.
func LookupQuantity(name []byte) (Quantity, bool) {
	if len(name) == 0 {
		return "", false
	}
	if i := columnTable[hashName(name)]; i >= 0 && string(Columns[i]) == string(name) {
		return Columns[i], true
	}
	return "", false
}

// ValidQuantityName tells whether a name may be stored as a quantity: 1 to MaxQuantityName bytes of
// lower-case letters, digits and . _ : * / -.
func ValidQuantityName(name string) bool {
	if name == "" || len(name) > MaxQuantityName {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '_', c == '.', c == ':', c == '*', c == '/', c == '-':
		default:
			return false
		}
	}
	return true
}
