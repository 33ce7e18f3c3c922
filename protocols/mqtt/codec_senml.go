package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/valyala/fastjson"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// senmlOptions configure the senml codec.
type senmlOptions struct {
	// Device is the device of records whose name says none.
	Device string `yaml:"device"`
	// Format is json, cbor, or auto, which looks at the first byte; auto unless set.
	Format string `yaml:"format"`
	// Names maps names, as they are written, to "quantity" or "quantity unit".
	Names map[string]target `yaml:"names"`
	// Keep says what happens to values whose name is not known: electrical (the default), all, mapped.
	// SenML carries sensors of every kind: a temperature in a meter's pack is none of ours unless asked for.
	Keep keep `yaml:"keep"`
}

// senml reads SenML packs, JSON and CBOR (RFC 8428), with the secondary units of RFC 8798 such as kWh.
// Base fields are resolved here rather than by a library, because those make every number a float64.
//
//   - The base name is the device, as it is written, and a change of it within the pack starts another
//     device; a record that has no base name is split before the last part of its own name.
//   - A time below 2^28 is relative to now, which is when the message was received; so it is marked.
//   - A field whose name ends in _ must be understood (4.4): its record is refused.
//   - A sum ("s") without a value is no reading.
type senml struct {
	limits  Limits
	options senmlOptions
	cbor    cbor.DecMode
}

func newSenML(b Binding, s settings) (codec, error) {
	o := senmlOptions{Keep: keepElectrical, Format: "auto"}
	if err := parseOptions(b.Options, &o); err != nil {
		return nil, err
	}
	if err := o.Keep.validate(); err != nil {
		return nil, err
	}
	switch o.Format {
	case "auto", "json", "cbor":
	default:
		return nil, fmt.Errorf("format %q is none of auto, json, cbor", o.Format)
	}
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  max(4, s.limits.Depth),
		MaxArrayElements: max(16, s.limits.Readings),
		MaxMapPairs:      64,
	}.DecMode()
	if err != nil {
		return nil, err
	}
	return &senml{limits: s.limits, options: o, cbor: mode}, nil
}

// senmlRecord is one record of a pack, its numbers exact.
type senmlRecord struct {
	baseName, name *string
	baseUnit, unit *string
	baseTime, time *headend.Decimal
	baseValue      *headend.Decimal
	value          *headend.Decimal
	version        *headend.Decimal
	absent         bool // the value is null or NaN
	float32        *float32
}

// senmlBase is what holds for the records after it.
type senmlBase struct {
	name, unit string
	time       headend.Decimal
	value      headend.Decimal
}

func (c *senml) decode(m *protocols.Message, out *output) {
	text := bytes.TrimLeft(m.Payload, " \t\r\n")
	isJSON := c.options.Format == "json" || c.options.Format == "auto" && len(text) > 0 && text[0] == '['
	run := senmlRun{codec: c, out: out}
	var err error
	if isJSON {
		err = c.eachJSON(m.Payload, run.record)
	} else {
		err = c.eachCBOR(m.Payload, run.record)
	}
	if err != nil {
		reason, detail := refusalOf(err)
		out.refuseAll(reason, detail)
		return
	}
	run.deliver()
}

// eachJSON hands on the records of a JSON pack; a record that cannot be read comes with its error.
func (c *senml) eachJSON(payload []byte, yield func(*senmlRecord, error)) error {
	if !validText(payload) {
		return errors.New("payload is not UTF-8")
	}
	state := jsonStates.Get().(*jsonState)
	defer jsonStates.Put(state)
	v, err := state.parse(payload, c.limits.Depth)
	if err != nil {
		return err
	}
	records, err := v.Array()
	if err != nil {
		return fmt.Errorf("a pack is an array: %w", err)
	}
	if len(records) > c.limits.Readings {
		return fmt.Errorf("pack has %d records: %w", len(records), errTooMany)
	}
	for _, item := range records {
		var r senmlRecord
		o, err := item.Object()
		if err == nil {
			o.Visit(func(key []byte, v *fastjson.Value) {
				if err == nil {
					err = r.setJSON(state, string(key), v)
				}
			})
		}
		yield(&r, err)
	}
	return nil
}

// field is where a record keeps the text or number of a label.
func (r *senmlRecord) field(label string) (text **string, number **headend.Decimal, err error) {
	switch label {
	case "bn":
		return &r.baseName, nil, nil
	case "n":
		return &r.name, nil, nil
	case "bu":
		return &r.baseUnit, nil, nil
	case "u":
		return &r.unit, nil, nil
	case "bt":
		return nil, &r.baseTime, nil
	case "t":
		return nil, &r.time, nil
	case "bv":
		return nil, &r.baseValue, nil
	case "v":
		return nil, &r.value, nil
	case "bver":
		return nil, &r.version, nil
	}
	if strings.HasSuffix(label, "_") {
		return nil, nil, fmt.Errorf("the field %.40q must be understood and is not", label)
	}
	return nil, nil, nil
}

func (r *senmlRecord) setJSON(s *jsonState, label string, v *fastjson.Value) error {
	text, number, err := r.field(label)
	switch {
	case err != nil:
		return err
	case text != nil:
		if *text != nil || v.Type() != fastjson.TypeString {
			return fmt.Errorf("%q is given twice or is no text", label)
		}
		value := string(v.GetStringBytes())
		*text = &value
	case number != nil:
		if *number != nil || v.Type() == fastjson.TypeString {
			return fmt.Errorf("%q is given twice or is no number", label)
		}
		d, err := s.number(v)
		if errors.Is(err, errNotMeasured) && label == "v" {
			r.absent = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("%q: %w", label, err)
		}
		*number = &d
	}
	return nil
}

// senmlLabels are the numbers that CBOR uses for the labels (RFC 8428, table 4).
var senmlLabels = map[int64]string{
	-1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
	0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}

func (c *senml) eachCBOR(payload []byte, yield func(*senmlRecord, error)) error {
	var records []cbor.RawMessage
	if err := c.cbor.Unmarshal(payload, &records); err != nil {
		return err
	}
	for _, raw := range records {
		var r senmlRecord
		var fields map[any]cbor.RawMessage
		err := c.cbor.Unmarshal(raw, &fields)
		for key, v := range fields {
			if err != nil {
				break
			}
			label := ""
			switch k := key.(type) {
			case uint64:
				label = senmlLabels[int64(min(k, math.MaxInt64))]
			case int64:
				label = senmlLabels[k]
			case string:
				label = k
			}
			err = r.setCBOR(c.cbor, label, v)
		}
		yield(&r, err)
	}
	return nil
}

func (r *senmlRecord) setCBOR(mode cbor.DecMode, label string, v cbor.RawMessage) error {
	text, number, err := r.field(label)
	switch {
	case err != nil:
		return err
	case text != nil:
		var value string
		if err := mode.Unmarshal(v, &value); err != nil || *text != nil {
			return fmt.Errorf("%q is given twice or is no text", label)
		}
		*text = &value
	case number != nil:
		if *number != nil {
			return fmt.Errorf("%q is given twice", label)
		}
		d, single, err := cborNumber(mode, v)
		if errors.Is(err, errNotMeasured) && label == "v" {
			r.absent = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("%q: %w", label, err)
		}
		*number = &d
		if label == "v" {
			r.float32 = single
		}
	}
	return nil
}

// cborNumber reads an integer, a float of any width (as the shortest decimal that it stands for), or a
// decimal fraction (tag 4), exactly. single is set where the number was a float32 or shorter.
func cborNumber(mode cbor.DecMode, raw cbor.RawMessage) (d headend.Decimal, single *float32, err error) {
	if len(raw) == 0 {
		return d, nil, headend.ErrNotANumber
	}
	switch major, info := raw[0]>>5, raw[0]&0x1f; {
	case major <= 1:
		var n int64
		if err := mode.Unmarshal(raw, &n); err != nil {
			return d, nil, headend.ErrNumberRange
		}
		return headend.Decimal{Coefficient: n}, nil, nil
	case major == 7 && (info == 25 || info == 26):
		var f float32
		if err := mode.Unmarshal(raw, &f); err != nil {
			return d, nil, headend.ErrNotANumber
		}
		d, err = fromFloat32(f)
		return d, &f, err
	case major == 7 && info == 27:
		var f float64
		if err := mode.Unmarshal(raw, &f); err != nil {
			return d, nil, headend.ErrNotANumber
		}
		d, err = fromFloat64(f)
		return d, nil, err
	case major == 7 && (info == 22 || info == 23): // null, undefined
		return d, nil, errNotMeasured
	case major == 6 && info == 4:
		var pair []int64
		if err := mode.Unmarshal(raw[1:], &pair); err != nil || len(pair) != 2 || pair[0] > 64 || pair[0] < -64 {
			return d, nil, headend.ErrNumberRange
		}
		return headend.Decimal{Coefficient: pair[1], Exponent: int(pair[0])}, nil, nil
	}
	return d, nil, headend.ErrNotANumber
}

// senmlRun resolves one pack.
type senmlRun struct {
	codec   *senml
	out     *output
	base    senmlBase
	devices []senmlDevice // in the order of the pack
	index   map[headend.DeviceID]int
	faults  faults
}

type senmlDevice struct {
	id       headend.DeviceID
	readings distinct
}

func (r *senmlRun) record(record *senmlRecord, err error) {
	if err != nil {
		r.faults.add(headend.ReasonMalformed, err.Error())
		return
	}
	if v := record.version; v != nil && *v != (headend.Decimal{Coefficient: 10}) {
		if n, err := v.Floor(); err != nil || n > 10 {
			r.faults.add(headend.ReasonMalformed, "SenML version is above 10")
			return
		}
	}
	r.rebase(record)
	if record.value == nil && record.baseValue == nil || record.absent {
		return // texts, truth values, data, sums: no measurement
	}
	if record.value == nil && record.name == nil && record.unit == nil {
		return // base fields alone
	}
	if record.value == nil {
		record.value = &headend.Decimal{}
	}
	if reason, err := r.resolved(record); err != nil {
		r.faults.add(reason, err.Error())
	}
}

// rebase takes the base fields of a record: they hold for it and those after it.
func (r *senmlRun) rebase(record *senmlRecord) {
	if record.baseName != nil {
		r.base.name = *record.baseName
	}
	if record.baseUnit != nil {
		r.base.unit = *record.baseUnit
	}
	if record.baseTime != nil {
		r.base.time = *record.baseTime
	}
	if record.baseValue != nil {
		r.base.value = *record.baseValue
	}
}

func (r *senmlRun) resolved(record *senmlRecord) (headend.Reason, error) {
	name, unitName := "", r.base.unit
	if record.name != nil {
		name = *record.name
	}
	if record.unit != nil {
		unitName = *record.unit
	}
	info, u, ok, err := r.codec.quantity(lastPart(r.base.name, name), unitName)
	if err != nil {
		return headend.ReasonBadQuantity, err
	}
	if !ok {
		return "", nil
	}
	id, err := r.device(name)
	if err != nil {
		return headend.ReasonBadDevice, err
	}
	at, quality, err := r.time(record)
	if err != nil {
		return headend.ReasonBadTime, err
	}
	if quality&headend.QualityReceivedTime != 0 && stale(r.out.m) {
		return "", nil
	}
	sum, err := addDecimals(*record.value, r.base.value)
	if err != nil {
		return headend.ReasonBadValue, err
	}
	v, err := info.convert(sum, u)
	if err != nil {
		return headend.ReasonBadValue, fmt.Errorf("%.80q: %w", name, err)
	}
	if record.float32 != nil && info.whole && coarse(*record.float32, u) {
		quality |= headend.QualityCoarse
	}
	reading := headend.Reading{Time: at, Quantity: info.quantity, Value: v, Quality: quality}
	if err := r.of(id).readings.add(reading); err != nil {
		return headend.ReasonBadValue, err
	}
	return "", nil
}

// splitName splits a full name after the last separator of urn:dev:mac:0024befffe804ff1/voltage.
func splitName(full string) (device, rest string) {
	i := strings.LastIndexAny(full, "/:")
	return full[:i+1], full[i+1:]
}

// lastPart is what names the quantity: the record's own name, or the end of the full name where the
// base name is all of it or there is none.
func lastPart(base, name string) string {
	if base == "" || name == "" {
		_, last := splitName(base + name)
		return last
	}
	return name
}

func (r *senmlRun) device(name string) (headend.DeviceID, error) {
	device := r.base.name
	if device == "" || name == "" {
		device, _ = splitName(r.base.name + name)
	}
	if device == "" {
		if device = r.codec.options.Device; device == "" {
			return "", fmt.Errorf("the record %.80q names no device and the option device is not set", name)
		}
	}
	id := headend.DeviceID(device)
	return id, id.Validate()
}

func (r *senmlRun) of(id headend.DeviceID) *senmlDevice {
	if i, ok := r.index[id]; ok {
		return &r.devices[i]
	}
	if r.index == nil {
		r.index = make(map[headend.DeviceID]int)
	}
	r.index[id] = len(r.devices)
	r.devices = append(r.devices, senmlDevice{id: id})
	return &r.devices[len(r.devices)-1]
}

func (r *senmlRun) time(record *senmlRecord) (time.Time, headend.Quality, error) {
	at := r.base.time
	if record.time != nil {
		var err error
		if at, err = addDecimals(at, *record.time); err != nil {
			return time.Time{}, 0, fmt.Errorf("time: %w", errNotATime)
		}
	}
	const absolute = 1 << 28
	ns, err := at.Scale(9).Floor()
	if err != nil {
		return time.Time{}, 0, fmt.Errorf("time is %w", errNotATime)
	}
	if ns >= absolute*int64(time.Second) {
		return time.Unix(0, ns).UTC(), 0, nil
	}
	t := r.out.m.Received.Add(time.Duration(ns))
	return t, headend.QualityReceivedTime, nil
}

// addDecimals is a + b, exact. It returns headend.ErrNumberRange where that has too many digits.
func addDecimals(a, b headend.Decimal) (headend.Decimal, error) {
	if b.Coefficient == 0 {
		return a, nil
	}
	if a.Coefficient == 0 {
		return b, nil
	}
	if a.Exponent < b.Exponent {
		a, b = b, a
	}
	for ; a.Exponent > b.Exponent; a.Exponent-- {
		if a.Coefficient > math.MaxInt64/10 || a.Coefficient < math.MinInt64/10 {
			return a, headend.ErrNumberRange
		}
		a.Coefficient *= 10
	}
	sum := a.Coefficient + b.Coefficient
	if (sum > a.Coefficient) != (b.Coefficient > 0) {
		return a, headend.ErrNumberRange
	}
	return headend.Decimal{Coefficient: sum, Exponent: a.Exponent}, nil
}

// quantity finds what a name measures, and its unit; ok is false where it is not to be kept.
func (c *senml) quantity(name, unitName string) (info quantityInfo, u unit, ok bool, err error) {
	if t, known := c.options.Names[name]; known {
		u = t.unit
		if unitName != "" {
			u, err = namedUnit(unitName)
		}
		return t.quantities[0], u, err == nil, err
	}
	info, ok = metricNames[squeeze(name)]
	if code, isCode := parseOBIS(name); !ok && isCode {
		info, ok = code.quantity()
	}
	if ok {
		u, err = namedUnit(unitName)
		return info, u, err == nil, err
	}
	return c.options.Keep.ownName(name, unitName)
}

// deliver hands over what the pack says, one batch a device.
func (r *senmlRun) deliver() {
	for i := range r.devices {
		d := &r.devices[i]
		if !r.out.deliver(headend.Batch{Device: d.id, Raw: r.out.m.Payload, Readings: d.readings.believed()}) {
			return
		}
	}
	if f := r.faults.refusal; f != nil && !r.out.refuse("", "", r.out.m.Payload, f.Reason, f.Detail) {
		return
	}
	r.out.finish()
}
