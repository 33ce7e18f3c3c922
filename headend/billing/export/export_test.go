package export

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
	"lastgasp/headend/billing/export/exporttest"
	"lastgasp/protocols/drivertest"
)

var hanoi = time.FixedZone("+07", 7*3600)

func each(rows []Row) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func write(t testing.TB, format string, o Options, rows []Row) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := New(format, &out, o)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := Copy(w, each(rows)); err != nil || n != len(rows) {
		t.Fatalf("%d of %d rows: %v", n, len(rows), err)
	}
	return out.Bytes()
}

// outageDay reads the half hours of the day from the DF2 file: date, end of the half hour, kWh, A or E.
func outageDay(t *testing.T) []Row {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "df2_half_hours.df2"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []Row
	for in := bufio.NewScanner(f); in.Scan(); {
		if strings.HasPrefix(in.Text(), "#") {
			continue
		}
		fields := strings.Split(in.Text(), ",")
		end, err := time.Parse("02/01/2006 15:04", fields[0]+" "+fields[1])
		if err != nil {
			t.Fatal(err)
		}
		kwh, err := headend.ParseDecimal(fields[2])
		if err != nil {
			t.Fatal(err)
		}
		wh, err := kwh.Scale(3).Floor()
		if err != nil {
			t.Fatal(err)
		}
		row := Row{UsagePoint: "NEM1201009", Meter: "METSER123", Quantity: headend.ImportWh, Kind: Interval, From: end.Add(-30 * time.Minute), To: end,
			State: billing.Measured, Wh: wh, Outage: len(rows) >= 20 && len(rows) < 23}
		if fields[3] == "E" {
			row.State, row.Method, row.Absent = billing.Estimated, billing.ByLikeDays, billing.NoRegister
		}
		rows = append(rows, row)
	}
	if len(rows) != 48 {
		t.Fatalf("%d half hours", len(rows))
	}
	return rows
}

func TestGoldenNEM12(t *testing.T) {
	rows := outageDay(t)
	sun := []int64{18: 400, 500, 0, 0, 0, 400, 500, 100, 200, 300, 400, 500, 100, 200, 300, 400, 47: 0}
	for i, wh := range sun {
		r := rows[i]
		r.Quantity, r.State, r.Method, r.Wh, r.Outage = headend.ExportWh, billing.Measured, "", wh, false
		rows = append(rows, r)
	}
	o := nemOptions
	o.Substitution = map[billing.Method]int{billing.ByLikeDays: 14} // of one like day
	got := write(t, "nem12", o, rows)
	want, err := os.ReadFile(filepath.Join("testdata", "nem12_outage_day.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestGoldenIEC(t *testing.T) {
	rows := outageDay(t)
	for i := range rows { // the file names no usage point, and marks no estimate
		rows[i].UsagePoint, rows[i].State, rows[i].Method = "", billing.Measured, ""
	}
	end := rows[47].To
	rows = append(rows, Row{Meter: "METSER123", Quantity: headend.ImportWh, Kind: Register, From: end, To: end, State: billing.Measured, Wh: 987_600, How: billing.Exact})
	got := write(t, "iec61968-9", Options{}, rows)
	want, err := os.ReadFile(filepath.Join("testdata", "iec61968-9_MeterReadings.xml"))
	if err != nil {
		t.Fatal(err)
	}
	// The file shows the register with the one place its dial has; we know Wh and write three.
	if same := strings.Replace(string(got), ">987.600<", ">987.6<", 1); strings.TrimSpace(same) != strings.TrimSpace(string(want)) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// fact is what every format can tell of an interval: where it is, how much, whether it was estimated.
type fact struct {
	point, quantity string
	from, to        int64
	wh              string // "" where not known
	estimated       bool
}

func factOf(r Row) fact {
	f := fact{point: r.UsagePoint, quantity: string(r.Quantity), from: r.From.Unix(), to: r.To.Unix(), estimated: r.State == billing.Estimated}
	if r.State != billing.Missing {
		f.wh = strconv.FormatInt(r.Wh, 10)
	}
	return f
}

// month is three usage points with two quantities over three days: measured, estimated in each way, missing, hostile names.
func month(names ...string) []Row {
	rnd := rand.New(rand.NewPCG(3, 4))
	methods := []billing.Method{billing.ByLine, billing.ByLikeDays, billing.ByProfile, billing.ByDifference, billing.ByInterruption}
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, hanoi)
	var rows []Row
	for _, name := range names {
		for _, q := range []headend.Quantity{headend.ImportWh, headend.ExportWh} {
			for i := range 144 {
				from := start.Add(time.Duration(i) * 30 * time.Minute)
				r := Row{UsagePoint: name, Meter: "M-" + headend.DeviceID(name[len(name)-1:]), Quantity: q, Kind: Interval, From: from.UTC(), To: from.Add(30 * time.Minute).UTC(), State: billing.Measured, Wh: rnd.Int64N(3000)}
				switch rnd.IntN(12) {
				case 0:
					r.State, r.Wh, r.Absent, r.Meter = billing.Missing, 0, billing.NotEnough, ""
				case 1:
					r.State, r.Method, r.Absent = billing.Estimated, methods[rnd.IntN(len(methods))], billing.NoRegister
				}
				rows = append(rows, r)
			}
		}
	}
	return rows
}

func compareFacts(t *testing.T, rows []Row, got []fact, keepsMissing bool) {
	t.Helper()
	have := map[fact]int{}
	for _, f := range got {
		have[f]++
	}
	n := 0
	for _, r := range rows {
		if r.State == billing.Missing && !keepsMissing {
			continue
		}
		n++
		if have[factOf(r)] != 1 {
			t.Errorf("%+v was read %d times", factOf(r), have[factOf(r)])
		}
	}
	if len(got) != n {
		t.Errorf("%d intervals were read, %d written", len(got), n)
	}
}

func TestRoundTripNEM12(t *testing.T) {
	o := nemOptions
	o.Zone, o.Made = hanoi, time.Date(2026, 4, 1, 0, 0, 0, 0, hanoi)
	rows := month("NEM1201001", "NEM1201002", "NEM1201003")
	days, err := exporttest.ParseNEM12(bytes.NewReader(write(t, "nem12", o, rows)))
	if err != nil {
		t.Fatal(err)
	}
	if len(days) != 3*2*3 {
		t.Errorf("%d days", len(days))
	}
	quantities := map[string]string{"E1": "import_wh", "B1": "export_wh"}
	var got []fact
	for _, d := range days {
		day, err := time.ParseInLocation("20060102", d.Date, hanoi)
		if err != nil || d.Unit != "kWh" {
			t.Fatal(d, err)
		}
		for i, v := range d.Value {
			kwh, err := headend.ParseDecimal(v)
			if err != nil {
				t.Fatal(err)
			}
			wh, err := kwh.Scale(3).Floor()
			if err != nil {
				t.Fatal(err)
			}
			f := fact{d.NMI, quantities[d.Suffix], day.Unix() + int64(i)*1800, day.Unix() + int64(i+1)*1800, strconv.FormatInt(wh, 10), d.Quality[i][0] == 'S'}
			if d.Quality[i] == "N" {
				f.wh = ""
			}
			got = append(got, f)
		}
	}
	compareFacts(t, rows, got, true)
}

func TestNEM12InStandardTime(t *testing.T) {
	sydney, err := time.LoadLocation("Australia/Sydney")
	if err != nil {
		t.Fatal(err)
	}
	o := nemOptions
	o.Zone, o.Made = sydney, time.Date(2026, 1, 20, 0, 0, 0, 0, time.UTC)
	// In January Sydney is at +11; the market's day begins at 14:00 UTC all the same.
	from := time.Date(2026, 1, 9, 14, 0, 0, 0, time.UTC)
	days, err := exporttest.ParseNEM12(bytes.NewReader(write(t, "nem12", o, []Row{{UsagePoint: "NEM1201001", Quantity: headend.ImportWh, Kind: Interval, From: from, To: from.Add(30 * time.Minute), State: billing.Measured, Wh: 7}})))
	if err != nil || len(days) != 1 || days[0].Date != "20260110" || days[0].Value[0] != "0.007" || days[0].Quality[1] != "N" {
		t.Errorf("%+v, %v", days, err)
	}
}

// readESPI reads what a Green Button feed says, by the schema's names alone.
func readESPI(r io.Reader) ([]fact, error) {
	type link struct {
		Rel  string `xml:"rel,attr"`
		Href string `xml:"href,attr"`
	}
	type interval struct {
		Duration int64 `xml:"duration"`
		Start    int64 `xml:"start"`
	}
	var feed struct {
		Entries []struct {
			Links   []link `xml:"http://www.w3.org/2005/Atom link"`
			Title   string `xml:"http://www.w3.org/2005/Atom title"`
			Content struct {
				UsagePoint  *struct{} `xml:"http://naesb.org/espi UsagePoint"`
				ReadingType *struct {
					Flow  int `xml:"flowDirection"`
					Uom   int `xml:"uom"`
					Power int `xml:"powerOfTenMultiplier"`
				} `xml:"http://naesb.org/espi ReadingType"`
				MeterReading *struct{} `xml:"http://naesb.org/espi MeterReading"`
				Blocks       []struct {
					Interval interval `xml:"interval"`
					Readings []struct {
						Quality []int    `xml:"ReadingQuality>quality"`
						Period  interval `xml:"timePeriod"`
						Value   int64    `xml:"value"`
					} `xml:"IntervalReading"`
				} `xml:"http://naesb.org/espi IntervalBlock"`
			} `xml:"http://www.w3.org/2005/Atom content"`
		} `xml:"http://www.w3.org/2005/Atom entry"`
	}
	if err := xml.NewDecoder(r).Decode(&feed); err != nil {
		return nil, err
	}
	// Entries may come in any order: links tell what belongs together.
	points, kinds, readings := map[string]string{}, map[string]string{}, map[string][]string{}
	href := func(links []link, rel string) (list []string) {
		for _, l := range links {
			if l.Rel == rel {
				list = append(list, l.Href)
			}
		}
		return list
	}
	for _, e := range feed.Entries {
		self := href(e.Links, "self")[0]
		switch c := e.Content; {
		case c.UsagePoint != nil:
			points[self] = e.Title
		case c.ReadingType != nil:
			if c.ReadingType.Power != 0 {
				return nil, fmt.Errorf("scaled by 10^%d", c.ReadingType.Power)
			}
			kinds[self] = map[int]string{1: "import_wh", 19: "export_wh"}[c.ReadingType.Flow]
		case c.MeterReading != nil:
			readings[self] = href(e.Links, "related")
		}
	}
	var facts []fact
	for _, e := range feed.Entries {
		for _, b := range e.Content.Blocks {
			reading := strings.TrimSuffix(href(e.Links, "up")[0], "/IntervalBlock")
			point := points[reading[:strings.Index(reading, "/MeterReading")]]
			kind := ""
			for _, related := range readings[reading] {
				kind += kinds[related]
			}
			for _, r := range b.Readings {
				if r.Period.Start < b.Interval.Start || r.Period.Start+r.Period.Duration > b.Interval.Start+b.Interval.Duration {
					return nil, fmt.Errorf("reading at %d outside its block", r.Period.Start)
				}
				estimated := len(r.Quality) > 0 && r.Quality[0] >= 8 && r.Quality[0] != 10
				facts = append(facts, fact{point, kind, r.Period.Start, r.Period.Start + r.Period.Duration, strconv.FormatInt(r.Value, 10), estimated})
			}
		}
	}
	return facts, nil
}

var hostile = []string{"U<1>&\"'", "U/2 é", "U3"}

func espiOptions() Options {
	return Options{Zone: hanoi, Made: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}
}

func TestRoundTripESPI(t *testing.T) {
	rows := month(hostile[2]) // order is by usage point
	rows = append(month(hostile[1]), rows...)
	feed := write(t, "espi", espiOptions(), rows)
	if n := bytes.Count(feed, []byte("<IntervalBlock ")); n != 2*2*3 {
		t.Errorf("%d blocks of three days of two quantities of two usage points", n)
	}
	got, err := readESPI(bytes.NewReader(feed))
	if err != nil {
		t.Fatal(err)
	}
	compareFacts(t, rows, got, false)
}

// The reader of the tests reads a feed of others.
func TestReaderOfESPI(t *testing.T) {
	f, err := os.Open(filepath.Join(shared(t, "billing/espi/examples"), "15minLP_15Days.xml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	facts, err := readESPI(f)
	if err != nil {
		t.Fatal(err)
	}
	first := slices.IndexFunc(facts, func(f fact) bool { return f.from == 1330578000 })
	if first < 0 || facts[first].wh != "324" || facts[first].to-facts[first].from != 900 || len(facts) != 1340 {
		t.Errorf("%d intervals were read", len(facts))
	}
}

// The schemas of the Green Button Alliance accept the feed, and refuse it when an element is out of place.
func TestSchemaOfESPI(t *testing.T) {
	xsd := shared(t, "billing/espi/xsd")
	if _, err := exec.LookPath("xmllint"); err != nil {
		drivertest.Missing(t, "xmllint is not installed (Debian: libxml2-utils)")
	}
	xsd, err := filepath.Abs(xsd)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	both := put("both.xsd", `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:import namespace="http://www.w3.org/2005/Atom" schemaLocation="`+xsd+
		`/atom.xsd"/><xs:import namespace="http://naesb.org/espi" schemaLocation="`+xsd+`/espiDerived.xsd"/></xs:schema>`)
	catalog := put("catalog.xml", `<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog"><system systemId="http://www.w3.org/2001/03/xml.xsd" uri="file://`+xsd+
		`/xml.xsd"/><uri name="http://www.w3.org/2001/03/xml.xsd" uri="file://`+xsd+`/xml.xsd"/></catalog>`)
	feed := string(write(t, "espi", espiOptions(), month(hostile[1], hostile[2])))
	check := func(name, content string) (string, error) {
		cmd := exec.Command("xmllint", "--nonet", "--noout", "--schema", both, put(name, content))
		cmd.Env = append(os.Environ(), "XML_CATALOG_FILES="+catalog)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := check("feed.xml", feed); err != nil {
		t.Errorf("%v: %.2000s", err, out)
	}
	if out, err := check("broken.xml", strings.Replace(feed, "<uom>72</uom>", "<uom>what</uom>", 1)); err == nil {
		t.Errorf("a broken feed was accepted: %s", out)
	}
}

func TestRoundTripIEC(t *testing.T) {
	rows := month(hostile...)
	var doc struct {
		Readings []struct {
			Blocks []struct {
				Intervals []struct {
					Time      time.Time `xml:"timeStamp"`
					Value     string    `xml:"value"`
					Qualities []struct {
						Type struct {
							Ref string `xml:"ref,attr"`
						} `xml:"ReadingQualityType"`
					} `xml:"ReadingQualities"`
				} `xml:"IntervalReadings"`
				Type struct {
					Ref string `xml:"ref,attr"`
				} `xml:"ReadingType"`
			} `xml:"IntervalBlocks"`
			Point string `xml:"UsagePoint>Names>name"`
			Meter string `xml:"Meter>Names>name"`
		} `xml:"http://iec.ch/TC57/2011/MeterReadings# MeterReading"`
	}
	if err := xml.Unmarshal(write(t, "iec61968-9", Options{}, rows), &doc); err != nil {
		t.Fatal(err)
	}
	var got []fact
	for _, m := range doc.Readings {
		for _, b := range m.Blocks {
			c := strings.Split(b.Type.Ref, ".")
			if len(c) != 18 || c[2] != "5" || c[15] != "3" || c[16] != "72" || m.Meter == "" {
				t.Fatalf("ReadingType %s of %q", b.Type.Ref, m.Meter)
			}
			for _, r := range b.Intervals {
				kwh, err := headend.ParseDecimal(r.Value)
				if err != nil {
					t.Fatal(err)
				}
				wh, err := kwh.Scale(3).Floor()
				if err != nil {
					t.Fatal(err)
				}
				estimated := len(r.Qualities) == 1 && strings.Split(r.Qualities[0].Type.Ref, ".")[1] == "8"
				got = append(got, fact{m.Point, map[string]string{"1": "import_wh", "19": "export_wh"}[c[4]], r.Time.Unix() - 1800, r.Time.Unix(), strconv.FormatInt(wh, 10), estimated})
			}
		}
	}
	compareFacts(t, rows, got, false)
}

func TestRoundTripText(t *testing.T) {
	rows := month(hostile...)
	at := rows[0].From
	rows = append(rows, Row{UsagePoint: "U3", Meter: "M1", Quantity: headend.ImportWh, Kind: Register, From: at, To: at, State: billing.Measured, Wh: 123, How: billing.Nearest, Distance: -90 * time.Second, Verdicts: billing.VerdictHigh | billing.VerdictZero})
	table, err := csv.NewReader(bytes.NewReader(write(t, "csv", Options{}, rows))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(write(t, "ndjson", Options{}, rows)), "\n"), "\n")
	if len(table) != len(rows)+1 || len(lines) != len(rows) {
		t.Fatalf("%d and %d rows of %d", len(table), len(lines), len(rows))
	}
	for i, r := range rows {
		record := map[string]string{}
		for k, name := range table[0] {
			record[name] = table[i+1][k]
		}
		from, err := time.Parse(time.RFC3339, record["from"])
		if err != nil {
			t.Fatal(err)
		}
		to, err := time.Parse(time.RFC3339, record["to"])
		if err != nil {
			t.Fatal(err)
		}
		if got := (fact{record["usage_point"], record["quantity"], from.Unix(), to.Unix(), record["wh"], record["state"] == "estimated"}); got != factOf(r) ||
			record["method"] != string(r.Method) || record["absent"] != string(r.Absent) || record["verdicts"] != r.Verdicts.String() {
			t.Errorf("csv: %v, %+v", record, factOf(r))
		}
		var object map[string]any
		d := json.NewDecoder(strings.NewReader(lines[i]))
		d.UseNumber()
		if err := d.Decode(&object); err != nil {
			t.Fatal(err)
		}
		wh := ""
		if n, ok := object["wh"].(json.Number); ok {
			wh = n.String()
		}
		if got := (fact{object["usage_point"].(string), object["quantity"].(string), from.Unix(), to.Unix(), wh, object["state"] == "estimated"}); got != factOf(r) ||
			object["from"] != record["from"] || object["to"] != record["to"] || r.Method != "" && object["method"] != string(r.Method) {
			t.Errorf("ndjson: %v, %+v", object, factOf(r))
		}
	}
	if last := table[len(table)-1]; last[10] != "nearest" || last[11] != "-90" || last[14] != "high,zero" {
		t.Errorf("register: %v", last)
	}
}

func TestRowsThatCannotBeCarried(t *testing.T) {
	good := month("NEM1201001")[:2]
	change := func(f func(*Row)) []Row {
		rows := append([]Row{}, good...)
		rows[0].State, rows[1].State = billing.Measured, billing.Measured
		f(&rows[1])
		return rows
	}
	o := nemOptions
	o.Zone = hanoi
	for name, c := range map[string]struct {
		formats string
		rows    []Row
	}{
		"a register":       {"nem12 espi", change(func(r *Row) { r.Kind = Register })},
		"no such quantity": {"nem12 espi iec61968-9", change(func(r *Row) { r.Quantity = headend.V1 })},
		"twice":            {"nem12 espi iec61968-9", change(func(r *Row) { r.From, r.To = good[0].From, good[0].To })},
		"another length":   {"nem12", change(func(r *Row) { r.To = r.To.Add(time.Minute) })},
		"an odd length":    {"iec61968-9", change(func(r *Row) { r.To = r.To.Add(time.Minute) })},
		"between":          {"nem12", change(func(r *Row) { r.From, r.To = r.From.Add(time.Minute), r.To.Add(time.Minute) })},
		"negative":         {"nem12", change(func(r *Row) { r.Wh = -1 })},
		"beyond 48 bits":   {"espi", change(func(r *Row) { r.Wh = 1 << 47 })},
		"no NMI":           {"nem12", change(func(r *Row) { r.UsagePoint = "NEM12,1001" })},
		"unknown method":   {"nem12", change(func(r *Row) { r.State, r.Method = billing.Estimated, "guess" })},
	} {
		for _, format := range strings.Fields(c.formats) {
			w, err := New(format, io.Discard, o)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := Copy(w, each(c.rows)); !errors.Is(err, ErrRow) || n != 1 {
				t.Errorf("%s: %s: after %d rows: %v", name, format, n, err)
			}
		}
	}
	var unknown *headend.Unknown
	if _, err := New("xlsx", io.Discard, o); !errors.As(err, &unknown) {
		t.Errorf("%v", err)
	}
	for name, change := range map[string]func(*Options){"zone": func(o *Options) { o.Zone = nil }, "interval": func(o *Options) { o.Interval = time.Hour },
		"quantities": func(o *Options) { o.Quantities = nil }, "tariff": func(o *Options) { o.Quantities = []headend.Quantity{headend.ImportWhT1} }, "sender": func(o *Options) { o.Sender = "A,B" }} {
		bad := nemOptions
		change(&bad)
		if _, err := New("nem12", io.Discard, bad); err == nil {
			t.Errorf("NEM12 without %s was begun", name)
		}
	}
}

type broken struct{ left int }

func (b *broken) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

// A reader that went away is an error of every format, and so is a source that fails.
func TestBrokenPipes(t *testing.T) {
	rows := month("NEM1201001", "NEM1201002")
	o := nemOptions
	o.Zone = hanoi
	for _, f := range Formats {
		w, err := New(f.Name, &broken{100}, o)
		if err == nil {
			_, err = Copy(w, each(rows))
		}
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: %v", f.Name, err)
		}
		w, err = New(f.Name, io.Discard, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Copy(w, func(yield func(Row, error) bool) { yield(Row{}, headend.ErrAway) }); !errors.Is(err, headend.ErrAway) {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

// The memory of an export does not grow with its rows.
func TestConstantMemory(t *testing.T) {
	o := nemOptions
	o.Zone = hanoi
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, hanoi)
	run := func(format string, points int) uint64 {
		w, err := New(format, io.Discard, o)
		if err != nil {
			t.Fatal(err)
		}
		var most uint64
		var m runtime.MemStats
		_, err = Copy(w, func(yield func(Row, error) bool) {
			for p := range points {
				for i := range 48 * 7 {
					from := start.Add(time.Duration(i) * 30 * time.Minute)
					if !yield(Row{UsagePoint: fmt.Sprintf("NEM%07d", p), Meter: "M1", Quantity: headend.ImportWh, Kind: Interval, From: from, To: from.Add(30 * time.Minute), State: billing.Measured, Wh: int64(i)}, nil) {
						return
					}
				}
				if p%(points/4) == points/4-1 {
					runtime.GC()
					runtime.ReadMemStats(&m)
					most = max(most, m.HeapAlloc)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return most
	}
	for _, f := range Formats {
		few, many := run(f.Name, 60), run(f.Name, 150)
		if many > few+256<<10 {
			t.Errorf("%s: %d bytes are held for 60 usage points, %d for 150", f.Name, few, many)
		}
	}
}

// A line of a run becomes its intervals and the registers of each meter.
func TestRowsOfALine(t *testing.T) {
	period := billing.Period{From: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)}
	hour := billing.Period{From: period.From, To: period.From.Add(time.Hour)}
	c := billing.Consumption{Period: period, Quantity: headend.ImportWh, Parts: []billing.Part{
		{Meter: "M1", Start: billing.Read{At: period.From, Meter: "M1", Wh: 5, How: billing.Exact}, End: billing.Read{At: period.To, Meter: "M1", Absent: billing.NoRegister}},
		{Absent: billing.NoMeter}}}
	line := billing.NewLine("U1", c, []billing.Value{{Period: hour, State: billing.Estimated, Method: billing.ByInterruption}}, 0, billing.Gate{})
	var got []string
	for r, err := range Rows(line, []billing.Period{period}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(r.Kind, " ", r.State, " ", r.Wh, " ", r.Outage, " ", r.Absent))
	}
	if want := "interval estimated 0 true |register measured 5 false |register missing 0 false no_register"; strings.Join(got, "|") != want {
		t.Errorf("%q", strings.Join(got, "|"))
	}
}
