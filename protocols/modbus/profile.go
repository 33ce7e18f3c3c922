package modbus

import (
	"strconv"
	"time"

	"lastgasp/headend"
)

// Profile is what is known of one model: which registers say what, and how the device wants to be asked.
type Profile struct {
	Model       string // its name: the file's name without .yaml
	Maker       string
	Description string
	Kind        headend.DeviceKind
	Source      string   // where the facts are from
	Addresses   string   // how the maker's printed addresses relate to those on the wire, where that needs saying
	Notes       []string // what a user must know
	File        string   // where it was read

	MaxRegisters int           // a request asks for at most, 1 to 125
	MaxBits      int           // 1 to 2000
	Gap          int           // unwanted registers (or 16 bits) between wanted ones that a request may bridge
	Window       int           // requests in flight on the connection, 1 to 16
	Timeout      time.Duration // for one reply
	Missed       int           // polls in a row without an answer after which a state is unknown
	SunSpec      *SunSpec      // nil where addresses are fixed

	Groups    []Group
	Registers []Register
}

// Group is registers polled together.
type Group struct {
	Name     string
	Interval time.Duration // 0: only on demand (headend modbus read)
	Aligned  bool          // polled when the clock reaches a multiple of Interval, not spread over it
	Stuck    int           // polls with not one bit changed after which readings are marked uncertain; 0: never
}

// SunSpec says that addresses count from the ID register of a model block, which has to be found.
type SunSpec struct {
	Model  uint16
	Length uint16 // L of the model; a longer block is a later edition of it
	Bases  []uint16
}

// Type is how a value lies in its registers.
type Type uint8

// Types.
const (
	U16 Type = iota + 1
	I16
	U32
	I32
	F32
	U64
	I64
	F64
	Bits        // coils or discrete inputs, the first one the lowest bit
	ScaleFactor // SunSpec sunssf: a power of ten for other values, -10 to 10
	Text        // characters, for display only
)

var typeNames = map[string]Type{"u16": U16, "i16": I16, "u32": U32, "i32": I32, "f32": F32, "u64": U64, "i64": I64, "f64": F64,
	"bit": Bits, "sunssf": ScaleFactor, "text": Text}

// String is the type's name in profiles.
func (t Type) String() string {
	for name, other := range typeNames {
		if other == t {
			return name
		}
	}
	return "type " + strconv.Itoa(int(t))
}

// registers is how many registers a value takes; 0 where the profile says how many.
func (t Type) registers() int {
	switch t {
	case U16, I16, ScaleFactor:
		return 1
	case U32, I32, F32:
		return 2
	case U64, I64, F64:
		return 4
	}
	return 0
}

func (t Type) float() bool { return t == F32 || t == F64 }

func (t Type) signed() bool { return t == I16 || t == I32 || t == I64 || t == ScaleFactor }

// Role is what a register is for.
type Role uint8

// Roles.
const (
	Quantity Role = iota + 1 // becomes a reading
	State                    // becomes events of the grid
	Info                     // shown by headend modbus read, not stored
	Factor                   // scales other registers
)

// Thing is the piece of grid state that a register tells.
type Thing uint8

// Things.
const (
	Breaker Thing = iota + 1
	FaultPassage
	Supply
)

var thingNames = map[string]Thing{"breaker": Breaker, "fault": FaultPassage, "supply": Supply}

// Position is what is known of a Thing.
type Position uint8

// Positions. The zero Position is one not yet known.
const (
	Unknown Position = iota
	Open             // of a breaker
	Closed
	Clear // no fault passage
	Passed
	Absent // of supply
	Present
)

var positionNames = [...]string{"unknown", "open", "closed", "clear", "passed", "absent", "present"}

// String is the position's name in profiles.
func (p Position) String() string { return positionNames[p] }

var positionsOf = map[Thing]map[string]Position{
	Breaker:      {"open": Open, "closed": Closed, "unknown": Unknown},
	FaultPassage: {"clear": Clear, "passed": Passed, "unknown": Unknown},
	Supply:       {"absent": Absent, "present": Present, "unknown": Unknown},
}

// Register is one value of a device.
type Register struct {
	Name     string // as the maker calls it
	Role     Role
	Quantity headend.Quantity
	Thing    Thing
	Phases   headend.Phases
	Function byte   // 1 to 4
	Address  uint16 // on the wire; relative to the model block under SunSpec
	Count    uint16 // registers, or bits of Bits
	Type     Type
	Group    int // index in Groups; -1 for factors, which are read with whatever they scale

	WordLittle bool // the low word first
	ByteLittle bool // the low byte of each word first
	Mask       uint64
	Shift      uint8
	Scale      headend.Decimal // value in Unit is raw × Scale × 10^factor + Offset
	Offset     headend.Decimal
	Unit       string // the device's
	Base       string // the base unit readings are in
	Power      int    // from Unit to Base, a power of ten
	Factor     int    // index of the scale factor's register, -1 for none
	NotThere   []uint64
	Names      map[uint64]string   // of an enumeration
	Positions  map[uint64]Position // of a State
	Above      float64             // of a supply told by a value: present from here on
	Below      float64             // absent below; between the two nothing is said
	Threshold  bool
	Note       string
	Line       int // in the file

	whole bool // the value is a whole number by nature
}

// measure relates a unit as profiles write it to its base unit.
type measure struct {
	base  string
	power int
}

var units = func() map[string]measure {
	m := map[string]measure{"": {"", 0}, "1": {"", 0}, "count": {"", 0}, "%": {"%", 0}, "deg": {"deg", 0}, "C": {"C", 0}, "ms": {"s", -3}, "s": {"s", 0}, "d": {"d", 0}}
	for base, prefixes := range map[string]string{"Wh": "kMG", "varh": "kMG", "VAh": "kMG", "W": "mkM", "var": "kM", "VA": "kM", "V": "mk", "A": "mk", "Hz": "m"} {
		m[base] = measure{base, 0}
		for _, p := range prefixes {
			m[string(p)+base] = measure{base, map[rune]int{'m': -3, 'k': 3, 'M': 6, 'G': 9}[p]}
		}
	}
	return m
}()

// energy tells whether values of a base unit are kept as whole numbers.
func energy(base string) bool { return base == "Wh" || base == "varh" || base == "VAh" }

// baseOf is the unit that a quantity with a column of its own must be in; "?" for all others.
func baseOf(q headend.Quantity) string {
	column := q.Column()
	switch {
	case column < 0:
		return "?"
	case q.IsEnergy():
		if column < headend.EnergyColumns/2 {
			return "Wh"
		}
		return "varh"
	}
	switch q {
	case headend.V1, headend.V2, headend.V3:
		return "V"
	case headend.I1, headend.I2, headend.I3:
		return "A"
	case headend.Q:
		return "var"
	case headend.S:
		return "VA"
	case headend.F:
		return "Hz"
	case headend.PF:
		return ""
	case headend.THD:
		return "%"
	}
	return "W"
}

// group is the index of a group, -1 where there is none of that name.
func (p *Profile) group(name string) int {
	for i := range p.Groups {
		if p.Groups[i].Name == name {
			return i
		}
	}
	return -1
}
