package export

import (
	"crypto/sha1" // version 5 of a UUID is made of it
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

// Green Button: an Atom feed of ESPI resources. A usage point, its reading types and meter readings, and an interval block a local day; values
// are whole Wh or varh.

// espiQuality is QualityOfReading of a method: 8 reference day, 9 linear, 11 derived, 12 projected.
var espiQuality = map[billing.Method]int{billing.ByLikeDays: 8, billing.ByLine: 9, billing.ByDifference: 11, billing.ByProfile: 12, billing.ByInterruption: 11}

type espi struct {
	out   *text
	zone  *time.Location
	made  string
	group Row
	begun bool
	point string
	kinds map[string]bool // reading types written
	day   billing.Period
	rows  []Row // of the day
	last  time.Time
}

func newESPI(w io.Writer, o Options) (Writer, error) {
	if o.Zone == nil || o.Made.IsZero() {
		return nil, fmt.Errorf("a time zone and the time of the export are needed")
	}
	e := &espi{out: newText(w), zone: o.Zone, made: o.Made.UTC().Format(time.RFC3339), kinds: map[string]bool{}}
	e.out.put(xml.Header, `<feed xmlns="http://www.w3.org/2005/Atom">`, "\n <id>", urn("feed "+e.made), "</id>\n <title>Green Button export</title>\n <updated>",
		e.made, "</updated>\n", ` <link rel="self" href="/espi/1_1/resource/Batch"/>`, "\n")
	if offset, ok := fixed(o.Zone, o.Made); ok {
		// All ones is a rule that never comes.
		e.entry("LocalTimeParameters/01", "LocalTimeParameters", nil, "local time", `<LocalTimeParameters xmlns="http://naesb.org/espi"><dstEndRule>FFFFFFFF</dstEndRule><dstOffset>0</dstOffset><dstStartRule>FFFFFFFF</dstStartRule><tzOffset>`+
			strconv.Itoa(offset)+`</tzOffset></LocalTimeParameters>`)
	}
	return e, e.out.err
}

// fixed is the offset of a zone that does not change its clocks around a time; else its days can be told by the blocks alone.
func fixed(zone *time.Location, near time.Time) (int, bool) {
	_, offset := near.In(zone).Zone()
	for month := range 24 {
		if _, o := near.AddDate(0, month-18, 0).In(zone).Zone(); o != offset {
			return 0, false
		}
	}
	return offset, true
}

// urn is a UUID of version 5 of a name: the same resource has the same id in every export.
func urn(name string) string {
	sum := sha1.Sum([]byte("lastgasp espi " + name))
	sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%X-%X-%X-%X-%X", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func escape(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil { // a Builder takes everything
		return ""
	}
	return b.String()
}

// path keeps an id to one step of a link.
func path(id string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(id) {
		if c := id[i]; plain(id[i:i+1]) || c == '-' || c == '_' || c == '.' {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

func (e *espi) entry(self, up string, related []string, title, content string) {
	e.out.put(" <entry>\n  <id>", urn(self), "</id>\n  <link rel=\"self\" href=\"", self, "\"/>\n  <link rel=\"up\" href=\"", up, "\"/>\n")
	for _, r := range related {
		e.out.put("  <link rel=\"related\" href=\"", r, "\"/>\n")
	}
	e.out.put("  <title>", escape(title), "</title>\n  <content>", content, "</content>\n  <published>", e.made, "</published>\n  <updated>", e.made, "</updated>\n </entry>\n")
}

func (e *espi) Write(r Row) error {
	of, _ := base(r.Quantity)
	if _, ok := iecUnit[of]; !ok {
		return r.fault("the quantity has no ReadingType")
	}
	const int48 = 1 << 47
	switch {
	case r.Kind != Interval:
		return r.fault("registers are not exported as Green Button")
	case r.To.Sub(r.From) < time.Second || r.To.Sub(r.From) > 24*time.Hour || r.From.Nanosecond() != 0 || r.To.Nanosecond() != 0:
		return r.fault("an interval is whole seconds, up to a day")
	case r.State != billing.Missing && (r.Wh < -int48 || r.Wh >= int48):
		return r.fault("%d is beyond 48 bits", r.Wh)
	}
	g := e.group
	other := !e.begun || r.UsagePoint != g.UsagePoint || r.Quantity != g.Quantity || r.To.Sub(r.From) != g.To.Sub(g.From)
	if !other && r.From.Before(e.last) {
		return r.fault("it does not come after the interval before it")
	}
	if other || !r.From.Before(e.day.To) {
		e.flush()
		e.day = billing.DayOf(r.From, e.zone)
	}
	if other {
		if err := e.begin(r); err != nil {
			return err
		}
	}
	e.last = r.To
	if r.State != billing.Missing {
		e.rows = append(e.rows, r)
	}
	return e.out.err
}

// begin writes what comes before the blocks of a series.
func (e *espi) begin(r Row) error {
	if !e.begun || r.UsagePoint != e.point {
		if e.begun && r.UsagePoint < e.point {
			return r.fault("usage points are out of order")
		}
		e.point = r.UsagePoint
		self := "UsagePoint/" + path(r.UsagePoint)
		e.entry(self, "UsagePoint", []string{self + "/MeterReading", "LocalTimeParameters/01"}, r.UsagePoint,
			`<UsagePoint xmlns="http://naesb.org/espi"><ServiceCategory><kind>0</kind></ServiceCategory></UsagePoint>`)
	}
	e.begun, e.group = true, r
	kind, content := readingType(r)
	if !e.kinds[kind] {
		e.kinds[kind] = true
		e.entry(kind, "ReadingType", nil, string(r.Quantity), content)
	}
	self := e.reading()
	e.entry(self, "UsagePoint/"+path(r.UsagePoint)+"/MeterReading", []string{self + "/IntervalBlock", kind}, string(r.Quantity), `<MeterReading xmlns="http://naesb.org/espi"/>`)
	return e.out.err
}

func (e *espi) reading() string {
	return fmt.Sprintf("UsagePoint/%s/MeterReading/%s-%d", path(e.group.UsagePoint), path(string(e.group.Quantity)), int(e.group.To.Sub(e.group.From)/time.Second))
}

func readingType(r Row) (self, content string) {
	of, tariff := base(r.Quantity)
	seconds := int(r.To.Sub(r.From) / time.Second)
	tou := ""
	if tariff > 0 {
		tou = fmt.Sprintf("<tou>%d</tou>", tariff)
	}
	return fmt.Sprintf("ReadingType/%s-%d", path(string(r.Quantity)), seconds),
		fmt.Sprintf(`<ReadingType xmlns="http://naesb.org/espi"><accumulationBehaviour>4</accumulationBehaviour><commodity>1</commodity><flowDirection>%d</flowDirection><intervalLength>%d</intervalLength><kind>12</kind><powerOfTenMultiplier>0</powerOfTenMultiplier>%s<uom>%d</uom></ReadingType>`,
			iecFlow[of], seconds, tou, iecUnit[of])
}

// flush writes the block of the day.
func (e *espi) flush() {
	if len(e.rows) == 0 {
		return
	}
	first, last := e.rows[0], e.rows[len(e.rows)-1]
	up := e.reading() + "/IntervalBlock"
	var b strings.Builder
	fmt.Fprintf(&b, "\n<IntervalBlock xmlns=\"http://naesb.org/espi\"><interval><duration>%d</duration><start>%d</start></interval>\n", int(last.To.Sub(first.From)/time.Second), first.From.Unix())
	for _, r := range e.rows {
		b.WriteString("<IntervalReading>")
		if q := espiQualityOf(r); q != 0 {
			fmt.Fprintf(&b, "<ReadingQuality><quality>%d</quality></ReadingQuality>", q)
		}
		fmt.Fprintf(&b, "<timePeriod><duration>%d</duration><start>%d</start></timePeriod><value>%d</value></IntervalReading>\n", int(r.To.Sub(r.From)/time.Second), r.From.Unix(), r.Wh)
	}
	b.WriteString("</IntervalBlock>\n")
	e.entry(up+"/"+first.From.In(e.zone).Format("20060102"), up, nil, "", b.String())
	e.rows = e.rows[:0]
}

// espiQualityOf is 0 for a valid value.
func espiQualityOf(r Row) int {
	if r.State == billing.Estimated {
		if q, ok := espiQuality[r.Method]; ok {
			return q
		}
		return 16
	}
	if r.Verdicts != 0 || r.Quality&(headend.QualityReceivedTime|headend.QualityClockDoubtful|headend.QualityUncertain) != 0 {
		return 10
	}
	return 0
}

func (e *espi) Close() error {
	e.flush()
	e.out.put("</feed>\n")
	return e.out.end()
}
