package export

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

// IEC 61968-9 MeterReadings: one MeterReading for each meter and quantity, its intervals by their end, in kWh or kvarh.

// iecFlow and iecUnit are fields of a ReadingType (61968-9, annex C): flow 1 forward, 19 reverse; unit 72 Wh, 73 varh.
var iecFlow = map[headend.Quantity]int{headend.ImportWh: 1, headend.ExportWh: 19, headend.ImportVarh: 1, headend.ExportVarh: 19}
var iecUnit = map[headend.Quantity]int{headend.ImportWh: 72, headend.ExportWh: 72, headend.ImportVarh: 73, headend.ExportVarh: 73}

// iecPeriod is the measuring period of a ReadingType.
var iecPeriod = map[time.Duration]int{time.Minute: 3, 5 * time.Minute: 6, 10 * time.Minute: 1, 15 * time.Minute: 2, 30 * time.Minute: 5, time.Hour: 7}

// Qualities of a reading: system.category.number; 1 the meter, 2 the head-end.
const (
	iecPowerFail = "1.2.32"
	iecEstimated = "2.8.0"
)

type iec struct {
	out   *text
	group Row // usage point, meter and quantity of the open MeterReading
	open  bool
	block string // the open block's ReadingType, "" when none is open
	named bool   // the meter was written
	last  time.Time
}

func newIEC(w io.Writer, _ Options) (Writer, error) {
	x := &iec{out: newText(w)}
	x.out.put(`<?xml version="1.0" encoding="UTF-8"?>`, "\n", `<m:MeterReadings xmlns:m="http://iec.ch/TC57/2011/MeterReadings#">`, "\n")
	return x, x.out.err
}

func (x *iec) Write(r Row) error {
	of, tariff := base(r.Quantity)
	unit, ok := iecUnit[of]
	if !ok {
		return r.fault("the quantity has no ReadingType")
	}
	if r.State == billing.Missing {
		return x.out.err
	}
	if !x.open || r.UsagePoint != x.group.UsagePoint || r.Meter != x.group.Meter || r.Quantity != x.group.Quantity {
		x.close()
		x.out.put(" <m:MeterReading>\n")
		x.open, x.group, x.last = true, r, r.From
	}
	if r.From.Before(x.last) && r.Kind == Interval {
		return r.fault("it does not come after the interval before it")
	}
	period, accumulation := 0, 1 // a register: bulk quantity
	if r.Kind == Interval {
		if period, ok = iecPeriod[r.To.Sub(r.From)]; !ok {
			return r.fault("a ReadingType has no period of %s", r.To.Sub(r.From))
		}
		accumulation, x.last = 4, r.To
	}
	kind := fmt.Sprintf("0.0.%d.%d.%d.1.12.0.0.0.0.%d.0.0.0.3.%d.0", period, accumulation, iecFlow[of], tariff, unit)
	if r.Kind == Register {
		x.endBlock()
		x.name()
		x.out.put("  <m:Readings>", reading(r), `<m:ReadingType ref="`, kind, `"/></m:Readings>`, "\n")
		return x.out.err
	}
	if x.named {
		return r.fault("an interval after a register of the same meter")
	}
	if kind != x.block {
		x.endBlock()
		x.out.put("  <m:IntervalBlocks>\n")
		x.block = kind
	}
	x.out.put("   <m:IntervalReadings>", reading(r), "</m:IntervalReadings>\n")
	return x.out.err
}

// reading is time, value and qualities. The time of an interval is its end.
func reading(r Row) string {
	s := "<m:timeStamp>" + stamp(r.To) + "</m:timeStamp><m:value>" + thousandths(r.Wh) + "</m:value>"
	if r.Outage {
		s += `<m:ReadingQualities><m:ReadingQualityType ref="` + iecPowerFail + `"/></m:ReadingQualities>`
	}
	comment := string(r.Method)
	if r.Kind == Register && r.How == billing.Nearest {
		comment = "nearest read, " + strconv.FormatFloat(r.Distance.Seconds(), 'f', -1, 64) + " s from the time"
	}
	if comment != "" {
		s += "<m:ReadingQualities><m:comment>" + escape(comment) + `</m:comment><m:ReadingQualityType ref="` + iecEstimated + `"/></m:ReadingQualities>`
	}
	return s
}

func (x *iec) endBlock() {
	if x.block != "" {
		x.out.put(`   <m:ReadingType ref="`, x.block, `"/>`, "\n  </m:IntervalBlocks>\n")
		x.block = ""
	}
}

func (x *iec) name() {
	if !x.named {
		x.out.put("  <m:Meter><m:Names><m:name>", escape(string(x.group.Meter)), "</m:name></m:Names></m:Meter>\n")
		x.named = true
	}
}

func (x *iec) close() {
	if !x.open {
		return
	}
	x.endBlock()
	x.name()
	if x.group.UsagePoint != "" {
		x.out.put("  <m:UsagePoint><m:Names><m:name>", escape(x.group.UsagePoint), "</m:name></m:Names></m:UsagePoint>\n")
	}
	x.out.put(" </m:MeterReading>\n")
	x.open, x.named = false, false
}

func (x *iec) Close() error {
	x.close()
	x.out.put("</m:MeterReadings>\n")
	return x.out.end()
}
