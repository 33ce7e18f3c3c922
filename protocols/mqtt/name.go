package mqtt

import (
	"fmt"
	"strings"

	"lastgasp/headend"
)

// metricNames maps the names that formats with free names (Sparkplug, SenML) usually carry to
// quantities, in lower case and without separators: Energy/Import, energy_import and EnergyImport are
// one name. Without a unit of their own such metrics are in base units.
var metricNames = func() map[string]quantityInfo {
	m := make(map[string]quantityInfo)
	add := func(q headend.Quantity, names ...string) {
		for _, n := range names {
			m[n] = infoOf(q)
		}
	}
	for _, q := range headend.Columns {
		add(q, squeeze(string(q)))
	}
	for _, t := range [...]string{"", "t1", "t2", "t3", "t4"} {
		suffix := headend.Quantity("")
		if t != "" {
			suffix = headend.Quantity("_" + t)
		}
		add(headend.ImportWh+suffix, "energyimport"+t, "energyactiveimport"+t, "activeenergyimport"+t, "importenergy"+t, "energy"+t, "activeenergy"+t)
		add(headend.ExportWh+suffix, "energyexport"+t, "energyactiveexport"+t, "activeenergyexport"+t, "exportenergy"+t)
		add(headend.ImportVarh+suffix, "reactiveenergyimport"+t, "energyreactiveimport"+t)
		add(headend.ExportVarh+suffix, "reactiveenergyexport"+t, "energyreactiveexport"+t)
	}
	add(headend.V1, "voltage")
	add(headend.I1, "current")
	add(headend.P, "power", "activepower", "poweractive", "powertotal")
	add("p_export", "powerexport", "poweractiveexport")
	add(headend.Q, "reactivepower", "powerreactive")
	add(headend.S, "apparentpower", "powerapparent")
	add(headend.PF, "powerfactor")
	add(headend.F, "frequency")
	for _, phase := range [...]string{"1", "2", "3"} {
		p := headend.Quantity(phase)
		add("v"+p, "voltagel"+phase)
		add("i"+p, "currentl"+phase)
		add("p"+p, "powerl"+phase, "activepowerl"+phase)
		add("q"+p, "q"+phase, "reactivepowerl"+phase)
		add("s"+p, "s"+phase, "apparentpowerl"+phase)
		add("pf"+p, "pf"+phase, "powerfactorl"+phase)
	}
	return m
}()

// squeeze makes a name lower case and drops what only separates its words.
func squeeze(name string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '/', '_', '-', ' ', '.':
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// keep says what happens to values whose name is in no table.
type keep string

const (
	keepAll        keep = "all"        // each is kept under its own name
	keepElectrical keep = "electrical" // those in a unit of electricity are
	keepMapped     keep = "mapped"     // none is
)

func (k keep) validate() error {
	switch k {
	case keepAll, keepElectrical, keepMapped:
		return nil
	}
	return fmt.Errorf("keep %q is none of all, electrical, mapped", string(k))
}

// ownName is the quantity a value without an entry in a table is kept under: its name, with what
// cannot be stored as _, and its unit, so that the unit is part of the name as it is in import_wh.
// The second result is false where keep says it is not to be kept.
func (k keep) ownName(name, unitName string) (quantityInfo, unit, bool, error) {
	u, known := lookupUnit(unitName)
	if k == keepMapped || k == keepElectrical && (!known || u.base == "") {
		return quantityInfo{}, u, false, nil
	}
	suffix := unitName
	if known {
		suffix = u.base
	}
	own := slug(name)
	if s := slug(suffix); s != "" && own != s && !strings.HasSuffix(own, "_"+s) {
		own += "_" + s
	}
	if !headend.ValidQuantityName(own) {
		return quantityInfo{}, u, false, fmt.Errorf("the name %.80q cannot be stored", name)
	}
	return infoOf(headend.Quantity(own)), u, true, nil
}

func slug(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case strings.ContainsRune("_.:*/-", r):
			return r
		}
		return '_'
	}, name)
}

// namedUnit is the unit of a value with a quantity: by its name, or the base unit without one.
func namedUnit(name string) (unit, error) {
	u, ok := lookupUnit(name)
	if !ok {
		return u, fmt.Errorf("unit %.20q is not known", name)
	}
	return u, nil
}

// readingKey is what a device has one value of.
type readingKey struct {
	quantity headend.Quantity
	unixNano int64
}

// distinct collects readings of one device at several times: the same value again is dropped; of two
// values for one quantity and time neither is believed.
type distinct struct {
	readings  []headend.Reading
	index     map[readingKey]int
	contested map[readingKey]bool
}

// add returns an error when the reading contradicts a former one.
func (d *distinct) add(r headend.Reading) error {
	key := readingKey{quantity: r.Quantity, unixNano: r.Time.UnixNano()}
	if i, ok := d.index[key]; ok {
		if d.readings[i].Value == r.Value {
			return nil
		}
		if d.contested == nil {
			d.contested = make(map[readingKey]bool)
		}
		d.contested[key] = true
		return fmt.Errorf("%s is given twice for one time, %s and %s", r.Quantity, d.readings[i].Value, r.Value)
	}
	if d.index == nil {
		d.index = make(map[readingKey]int)
	}
	d.index[key] = len(d.readings)
	d.readings = append(d.readings, r)
	return nil
}

// believed is what nothing contradicts.
func (d *distinct) believed() []headend.Reading {
	if len(d.contested) == 0 {
		return d.readings
	}
	kept := d.readings[:0]
	for _, r := range d.readings {
		if !d.contested[readingKey{quantity: r.Quantity, unixNano: r.Time.UnixNano()}] {
			kept = append(kept, r)
		}
	}
	return kept
}

// faults joins what is refused of one message: one refusal, its class that of the first fault.
type faults struct{ refusal *headend.Refusal }

func (f *faults) add(reason headend.Reason, detail string) {
	if f.refusal == nil {
		f.refusal = &headend.Refusal{Reason: reason, Detail: clip(detail)}
		return
	}
	f.refusal.Detail = clip(f.refusal.Detail + "; " + detail)
}
