package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// p1Options configure the p1 codec.
type p1Options struct {
	// Device names the meter where the telegram does not.
	Device string `yaml:"device"`
	// StandardOffset is the meter's offset from UTC in winter, which the suffix W stands for; S is one
	// hour more. "+01:00" unless set.
	StandardOffset string `yaml:"standard_offset"`
}

// p1 reads the telegrams of meters' customer ports: DSMR and ESMR P1 (NTA 8130, DSMR 5.0.2 P1
// companion standard), its Belgian, Luxembourg and Swedish relatives, and the data lines of IEC 62056-21
// (D0). A telegram runs from "/" to "!"; a CRC after it, where given, is checked.
//
// Rules the formats leave open:
//   - The meter is named by 0-0:96.1.1, else 0-0:96.1.255, 0-0:96.1.0 or 1-0:0.0.0, else by option.
//   - A line whose value cannot be read is refused alone; one that is empty measured nothing.
//   - A clock without suffix W or S does not say which time it means, so the time of receipt stands in.
type p1 struct {
	device headend.DeviceID
	winter time.Duration
}

func newP1(b Binding, s settings) (codec, error) {
	o := p1Options{StandardOffset: "+01:00"}
	if err := parseOptions(b.Options, &o); err != nil {
		return nil, err
	}
	c := p1{device: headend.DeviceID(o.Device)}
	if o.Device != "" {
		if err := c.device.Validate(); err != nil {
			return nil, err
		}
	}
	_, offset, has, ok := parseISO("2000-01-01T00:00:00" + o.StandardOffset)
	if !ok || !has {
		return nil, fmt.Errorf("standard_offset %q is not like +01:00", o.StandardOffset)
	}
	c.winter = time.Duration(offset) * time.Second
	return c, nil
}

func (c p1) decode(m *protocols.Message, out *output) {
	rest := m.Payload
	for {
		start := telegramStart(rest)
		if start < 0 {
			break
		}
		rest = rest[start:]
		end := bytes.IndexByte(rest, '!')
		if end < 0 {
			out.refuse("", "", rest, headend.ReasonMalformed, `telegram without its end "!"`)
			return
		}
		body, tail := rest[:end+1], rest[end+1:]
		raw := rest[:end+1+len(firstLine(tail))]
		rest = tail
		if err := checkCRC(body, firstLine(tail)); err != nil {
			if !out.refuse("", "", raw, headend.ReasonMalformed, err.Error()) {
				return
			}
			continue
		}
		if !c.telegram(body, raw, out) {
			return
		}
	}
	if len(out.Batches) == out.first && telegramStart(m.Payload) < 0 {
		out.refuse("", "", m.Payload, headend.ReasonMalformed, `no telegram: no line begins with "/"`)
		return
	}
	out.finish()
}

// telegramStart finds a "/" at the beginning of a line.
func telegramStart(text []byte) int {
	for i := 0; i < len(text); {
		n := bytes.IndexByte(text[i:], '/')
		if n < 0 {
			return -1
		}
		i += n
		if i == 0 || text[i-1] == '\n' || text[i-1] == '\r' {
			return i
		}
		i++
	}
	return -1
}

func firstLine(text []byte) []byte {
	if i := bytes.IndexAny(text, "\r\n"); i >= 0 {
		return text[:i]
	}
	return text
}

// checkCRC compares the four digits after "!" with the CRC-16/ARC of the telegram, up to and with
// the "!". Gateways that pass on text lines drop the carriage returns that the CRC was taken over.
func checkCRC(body, after []byte) error {
	given := strings.TrimSpace(string(after[:min(len(after), 8)]))
	if given == "" {
		return nil
	}
	want, err := strconv.ParseUint(given, 16, 16)
	if err != nil || len(given) != 4 {
		return fmt.Errorf("%.10q after the telegram is no CRC", given)
	}
	got := crc16ARC(body)
	if uint16(want) != got && bytes.IndexByte(body, '\r') < 0 {
		got = crc16ARC(bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n")))
	}
	if uint16(want) != got {
		return fmt.Errorf("CRC is %04X, the telegram says %04X", got, want)
	}
	return nil
}

// crc16ARC is polynomial x^16+x^15+x^2+1, reflected, from 0.
func crc16ARC(data []byte) uint16 {
	var crc uint16
	for _, b := range data {
		crc ^= uint16(b)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xa001
			} else {
				crc >>= 1
			}
		}
	}
	return crc
}

// p1Line is one object of a telegram: a code and its groups in brackets.
type p1Line struct {
	code   obis
	groups []string
	text   string
}

// telegramLines splits a telegram. Its first line names the maker; an object may go on in a next line
// that begins with a bracket, as gas readings of DSMR 2.2 do.
func telegramLines(body []byte) []p1Line {
	var lines []p1Line
	for i, raw := range strings.Split(string(body), "\n") {
		text := strings.TrimSpace(raw)
		open := strings.IndexByte(text, '(')
		if i == 0 || open < 0 {
			continue
		}
		if open == 0 {
			if len(lines) > 0 {
				last := &lines[len(lines)-1]
				last.groups = append(last.groups, bracketed(text)...)
				last.text += text
			}
			continue
		}
		if code, ok := parseOBIS(text[:open]); ok {
			lines = append(lines, p1Line{code: code, groups: bracketed(text[open:]), text: text})
		}
	}
	return lines
}

// bracketed is what stands in the brackets of (a)(b)(c); a bracket that is not closed ends the list.
func bracketed(text string) []string {
	var groups []string
	for {
		open := strings.IndexByte(text, '(')
		if open < 0 {
			return groups
		}
		end := strings.IndexByte(text[open:], ')')
		if end < 0 {
			return groups
		}
		groups = append(groups, text[open+1:open+end])
		text = text[open+end+1:]
	}
}

// cde of the objects that are not plain values.
var (
	p1Clock      = obis{c: 1, d: 0, e: 0}.cde()
	p1FailureLog = obis{c: 99, d: 97, e: 0}.cde()
	p1MaxDemand  = obis{c: 1, d: 6, e: 0}.cde()
)

func (c p1) telegram(body, raw []byte, out *output) bool {
	lines := telegramLines(body)
	device, err := c.meter(lines)
	if err != nil {
		return out.refuse("", "", raw, headend.ReasonBadDevice, err.Error())
	}
	at, quality, err := c.clock(lines, out.m.Received)
	if err != nil {
		return out.refuse(device, "", raw, headend.ReasonBadTime, err.Error())
	}
	t := p1Telegram{codec: c, at: at, quality: quality,
		stale: quality&headend.QualityReceivedTime != 0 && stale(out.m)}
	for _, l := range lines {
		t.line(l)
	}
	if !out.deliver(headend.Batch{Device: device, Raw: raw, Readings: t.readings.believed(), Events: t.events}) {
		return false
	}
	if t.refusal == nil {
		return true
	}
	return out.refuse(device, "", raw, t.refusal.Reason, t.refusal.Detail)
}

// meter finds the meter's id among the lines.
func (c p1) meter(lines []p1Line) (headend.DeviceID, error) {
	best, rank := "", 0
	for _, l := range lines {
		if l.code.b != 0 || len(l.groups) != 1 {
			continue
		}
		r := 0
		switch l.code.cde() {
		case obis{c: 96, d: 1, e: 1}.cde():
			r = 4
		case obis{c: 96, d: 1, e: 255}.cde():
			r = 3
		case obis{c: 96, d: 1, e: 0}.cde():
			r = 2
		case obis{}.cde():
			r = 1
		}
		if id := strings.TrimSpace(l.groups[0]); r > rank && id != "" {
			best, rank = id, r
		}
	}
	if best == "" {
		if c.device == "" {
			return "", errors.New("telegram names no meter and the option device is not set")
		}
		return c.device, nil
	}
	id := headend.DeviceID(strings.Clone(best))
	return id, id.Validate()
}

// clock finds the telegram's own time.
func (c p1) clock(lines []p1Line, received time.Time) (time.Time, headend.Quality, error) {
	for _, l := range lines {
		if l.code.cde() != p1Clock || l.code.a != 0 || len(l.groups) == 0 || l.groups[0] == "" {
			continue
		}
		t, err := c.timestamp(l.groups[0])
		if errors.Is(err, errNoSuffix) {
			break
		}
		return t, 0, err
	}
	return received, headend.QualityReceivedTime, nil
}

var errNoSuffix = errors.New("time has no suffix W or S")

// timestamp reads YYMMDDhhmmss and W or S. It returns errNoSuffix, or wraps errNotATime.
func (c p1) timestamp(s string) (time.Time, error) {
	if len(s) != 12 && len(s) != 13 {
		return time.Time{}, fmt.Errorf("%.20q is %w", s, errNotATime)
	}
	var n [6]int
	for i := range n {
		v, err := strconv.ParseUint(s[2*i:2*i+2], 10, 8)
		if err != nil {
			return time.Time{}, fmt.Errorf("%.20q is %w", s, errNotATime)
		}
		n[i] = int(v)
	}
	t := civil{year: 2000 + n[0], month: n[1], day: n[2], hour: n[3], minute: n[4], second: n[5]}
	if n[0] >= 70 { // 700101010000W is the meter's zero, not the year 2070
		t.year = 1900 + n[0]
	}
	if !t.valid() {
		return time.Time{}, fmt.Errorf("%.20q is %w", s, errNotATime)
	}
	if len(s) == 12 {
		return time.Time{}, errNoSuffix
	}
	offset := c.winter
	switch s[12] {
	case 'W', 'w':
	case 'S', 's':
		offset += time.Hour
	default:
		return time.Time{}, fmt.Errorf("%.20q is %w", s, errNotATime)
	}
	return t.in(int(offset / time.Second)), nil
}

// p1Telegram collects what one telegram says.
type p1Telegram struct {
	codec    p1
	at       time.Time
	quality  headend.Quality
	stale    bool // retained and without a clock: only lines with a time of their own count
	readings distinct
	events   []headend.Event
	refusal  *headend.Refusal
}

func (t *p1Telegram) line(l p1Line) {
	var err error
	switch cde := l.code.cde(); {
	case cde == p1FailureLog:
		t.failureLog(l)
	case l.code.a == 0 && l.code.b >= 1 && l.code.b <= 4 && l.code.c == 24 && l.code.d == 2 && len(l.groups) == 2:
		err = t.mbus(l)
	case cde == p1MaxDemand && len(l.groups) == 2:
		err = t.timed(l, "demand_p_max")
	case len(l.groups) == 1:
		info, ok := l.code.quantity()
		if !ok {
			return
		}
		err = t.reading(info, l.groups[0], t.at, t.quality)
	}
	if err != nil {
		t.refuse(l, err)
	}
}

func (t *p1Telegram) refuse(l p1Line, err error) {
	reason := headend.ReasonBadValue
	if errors.Is(err, errNotATime) {
		reason = headend.ReasonBadTime
	}
	detail := fmt.Sprintf("%s: %v", strconv.QuoteToASCII(l.text[:min(len(l.text), 80)]), err)
	if t.refusal == nil {
		t.refusal = &headend.Refusal{Reason: reason, Detail: detail}
		return
	}
	t.refusal.Detail = clip(t.refusal.Detail + "; " + detail)
}

// reading adds a value written number*unit.
func (t *p1Telegram) reading(info quantityInfo, text string, at time.Time, quality headend.Quality) error {
	if quality&headend.QualityReceivedTime != 0 && t.stale {
		return nil
	}
	number, unitName, _ := strings.Cut(text, "*")
	d, err := parseNumber(number)
	if errors.Is(err, errNotMeasured) {
		return nil
	}
	if err != nil {
		return err
	}
	u, ok := lookupUnit(unitName)
	if !ok {
		return fmt.Errorf("unit %.20q is not known", unitName)
	}
	v, err := info.convert(d, u)
	if err != nil {
		return err
	}
	return t.readings.add(headend.Reading{Time: at, Quantity: info.quantity, Value: v, Quality: quality})
}

// timed adds a value with a time of its own: (time)(value).
func (t *p1Telegram) timed(l p1Line, q headend.Quantity) error {
	at, err := t.codec.timestamp(l.groups[0])
	quality := headend.Quality(0)
	if errors.Is(err, errNoSuffix) {
		at, quality, err = t.at, t.quality, nil
	}
	if err != nil {
		return err
	}
	return t.reading(infoOf(q), l.groups[1], at, quality)
}

// mbus adds the reading of another meter behind this one, (time)(value*unit), as mbus<channel>_<unit>.
// A value without a unit is one the channel never received.
func (t *p1Telegram) mbus(l p1Line) error {
	_, unitName, ok := strings.Cut(l.groups[1], "*")
	if !ok {
		return nil
	}
	name := "mbus" + strconv.Itoa(int(l.code.b)) + "_"
	u, known := lookupUnit(unitName)
	switch {
	case known && u.base != "":
		name += strings.ToLower(u.base)
		return t.timed(l, headend.Quantity(name))
	case headend.ValidQuantityName(name + strings.ToLower(unitName)):
		number, _, _ := strings.Cut(l.groups[1], "*")
		l.groups = []string{l.groups[0], number}
		return t.timed(l, headend.Quantity(name+strings.ToLower(unitName)))
	}
	return fmt.Errorf("unit %.20q is not known", unitName)
}

// failureLog adds the entries of the power failure log: (count)(0-0:96.7.19) and pairs of
// (end)(duration*s). What a clock that was never set left there is passed on: ingest knows which times
// are possible.
func (t *p1Telegram) failureLog(l p1Line) {
	if len(l.groups) < 2 {
		return
	}
	for g := l.groups[2:]; len(g) >= 2; g = g[2:] {
		end, err := t.codec.timestamp(g[0])
		if err == nil {
			var d headend.Decimal
			number, unitName, _ := strings.Cut(g[1], "*")
			d, err = headend.ParseDecimal(number)
			if err == nil && unitName != "s" {
				err = fmt.Errorf("duration in %.20q, not in s", unitName)
			}
			if err == nil {
				err = t.failure(end, d)
			}
		}
		if err != nil {
			t.refuse(l, err)
		}
	}
}

func (t *p1Telegram) failure(end time.Time, seconds headend.Decimal) error {
	ns, err := seconds.Scale(9).Floor()
	if err != nil {
		return err
	}
	if ns < 0 {
		return errors.New("duration is negative")
	}
	t.events = append(t.events, headend.Event{Time: end, Type: headend.EventPowerFailure,
		Seq: headend.NoSeq, Duration: time.Duration(ns)})
	return nil
}
