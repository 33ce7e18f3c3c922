package timeseries_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

var hanoi = func() *time.Location {
	zone, err := time.LoadLocation("Asia/Ho_Chi_Minh")
	if err != nil {
		panic(err)
	}
	return zone
}()

// file is a registry file of a kind; its header is added.
type file struct {
	kind  string
	lines string
}

func organisations(lines ...string) file { return file{"organisations", strings.Join(lines, "\n")} }
func network(lines ...string) file       { return file{"network", strings.Join(lines, "\n")} }
func usagePoints(lines ...string) file   { return file{"usage-points", strings.Join(lines, "\n")} }
func devices(lines ...string) file       { return file{"devices", strings.Join(lines, "\n")} }

func (f file) load(t *testing.T, s *timeseries.Store, skip bool) headend.Imported {
	t.Helper()
	options := timeseries.ImportOptions{SkipRefused: skip}
	var result headend.Imported
	var err error
	switch f.kind {
	case "organisations":
		result, err = s.ImportOrganisations(t.Context(), importer.Organisations(f.text("id,name,kind,parent,from,to")), options)
	case "network":
		result, err = s.ImportNodes(t.Context(), importer.Nodes(f.text("id,name,kind,parent,organisation,rated_kva,from,to")), options)
	case "usage-points":
		result, err = s.ImportUsagePoints(t.Context(), importer.UsagePoints(f.text("id,name,address,node,organisation,phases,from,to")), options)
	case "devices":
		result, err = s.ImportDevices(t.Context(), importer.Devices(f.text("id,kind,protocol,address,profile,gateway,usage_point,password,from,to")), options)
	}
	if err != nil {
		t.Fatalf("%s: %v", f.kind, err)
	}
	return result
}

func (f file) text(header string) (io.Reader, importer.Format) {
	return strings.NewReader(header + "\n" + f.lines + "\n"), importer.Format{Zone: hanoi, Protocols: []string{"mqtt", "modbus"}}
}

func expectImport(t *testing.T, got, want headend.Imported) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("import (-want +got):\n%s", diff)
	}
}

// grid is a small registry that other files build on.
func grid(t *testing.T, s *timeseries.Store) {
	t.Helper()
	for _, f := range []file{
		organisations("D1,Tam Kỳ,district,C1,2020-01-01,", "C1,Quảng Nam,company,,2020-01-01,"), // child first
		network("T1,Trạm 1,transformer,F1,D1,400,2020-01-01,", "F1,471,feeder,S1,D1,,2020-01-01,", "S1,E15,substation,,D1,40000,2020-01-01,", "T2,Trạm 2,transformer,F1,D1,250,2020-01-01,"),
		usagePoints(`U1,Ông An,"Số 1, Tam Kỳ",T1,D1,L1,2020-01-01,`, `U2,Bà Bình,,T1,D1,"L1,L2,L3",2020-01-01,`),
		devices("G1,gateway,mqtt,,,,,gatewaygatewaygateway,2020-01-01,", "M1,meter,mqtt,,,G1,U1,,2020-01-01,"),
	} {
		if r := f.load(t, s, false); !r.Written || len(r.Refused) > 0 {
			t.Fatalf("%s: %+v", f.kind, r)
		}
	}
}

const (
	nodeVersions   = `SELECT n.id, valid_from, valid_to, v.name, p.id, rated_kva FROM node_version v JOIN node n ON n.number = v.node LEFT JOIN node p ON p.number = v.parent ORDER BY 1, 2`
	installedWhere = `SELECT d.id, u.id, valid_from, valid_to FROM installation i JOIN device d ON d.number = i.device JOIN usage_point u ON u.number = i.usage_point ORDER BY 1, 3`
	deviceRows     = `SELECT d.id, d.kind, d.state, d.protocol, coalesce(g.id, '-'), d.secret_hash IS NOT NULL FROM device d LEFT JOIN device g ON g.number = d.gateway ORDER BY 1`
	// everything the registry holds, to notice any change at all
	registryState = `SELECT md5(string_agg(x, ',' ORDER BY x)) FROM (
		SELECT r::text AS x FROM organisation r UNION ALL SELECT r::text FROM organisation_version r UNION ALL SELECT r::text FROM node r UNION ALL SELECT r::text FROM node_version r
		UNION ALL SELECT r::text FROM usage_point r UNION ALL SELECT r::text FROM usage_point_version r UNION ALL SELECT r::text FROM device r UNION ALL SELECT r::text FROM installation r) a`
)

func TestTheSameFileAgainChangesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		before := table(t, s, registryState)
		for _, f := range []file{
			organisations("D1,Tam Kỳ,district,C1,2020-01-01,", "C1,Quảng Nam,company,,2020-01-01,"),
			network("T1,Trạm 1,transformer,F1,D1,400,2020-01-01,", "F1,471,feeder,S1,D1,,2020-01-01,"),
			usagePoints(`U2,Bà Bình,,T1,D1,"L1,L2,L3",2020-01-01,`),
			devices("G1,gateway,mqtt,,,,,gatewaygatewaygateway,2020-01-01,", "M1,meter,mqtt,,,G1,U1,,2020-01-01,"),
			usagePoints(`U1,Ông An,"Số 1, Tam Kỳ",T1,D1,L1,2022-01-01,`), // what holds already, from a later time
		} {
			lines := strings.Count(f.lines, "\n") + 1
			expectImport(t, f.load(t, s, false), headend.Imported{Lines: lines, Unchanged: lines, Written: true})
		}
		if diff := cmp.Diff(before, table(t, s, registryState)); diff != "" {
			t.Error("the registry has changed")
		}
	})
}

func TestALaterFromOpensAVersionAndTheSameFromReplacesIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		first := network("T1,Trạm 1,transformer,F1,D1,400,2020-01-01,")
		second := network("T1,Trạm 1,transformer,F1,D1,630,2024-06-01,")
		expectImport(t, second.load(t, s, false), headend.Imported{Lines: 1, Changed: 1, Written: true})
		want := []string{"T1 2019-12-31T17:00:00Z 2024-05-31T17:00:00Z Trạm 1 F1 400", "T1 2024-05-31T17:00:00Z infinity Trạm 1 F1 630"}
		one := strings.Replace(nodeVersions, "ORDER", "WHERE n.id = 'T1' ORDER", 1)
		expectRows(t, s, one, want...)
		// The older file again neither closes nor reopens anything.
		expectImport(t, first.load(t, s, false), headend.Imported{Lines: 1, Unchanged: 1, Written: true})
		expectRows(t, s, one, want...)
		// A correction of the same version, and a version between the two.
		expectImport(t, network("T1,Trạm Một,transformer,F1,D1,630,2024-06-01,2030-01-01", "T1,Trạm 1,transformer,F1,D1,500,2022-01-01T00:00:00Z,").load(t, s, false),
			headend.Imported{Lines: 2, Changed: 2, Written: true})
		expectRows(t, s, one, "T1 2019-12-31T17:00:00Z 2022-01-01T00:00:00Z Trạm 1 F1 400",
			"T1 2022-01-01T00:00:00Z 2024-05-31T17:00:00Z Trạm 1 F1 500", "T1 2024-05-31T17:00:00Z 2029-12-31T17:00:00Z Trạm Một F1 630")
	})
}

func TestAMeterIsExchangedAndMoved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		expectImport(t, devices("M1,meter,mqtt,,,G1,U1,,2020-01-01,2025-03-01T02:00:00Z", "M2,meter,mqtt,,,G1,U1,,2025-03-01T02:00:00Z,", "M1,meter,mqtt,,,G1,U2,,2025-04-01T00:00:00Z,").load(t, s, false),
			headend.Imported{Lines: 3, New: 1, Changed: 2, Written: true})
		expectRows(t, s, installedWhere, "M1 U1 2019-12-31T17:00:00Z 2025-03-01T02:00:00Z", "M1 U2 2025-04-01T00:00:00Z infinity", "M2 U1 2025-03-01T02:00:00Z infinity")
		// Taken off the wall, and later gone for good.
		expectImport(t, devices("M1,meter,mqtt,,,G1,,,2025-05-01T00:00:00Z,").load(t, s, false), headend.Imported{Lines: 1, Changed: 1, Written: true})
		expectImport(t, devices("M2,meter,mqtt,,,G1,,,,2025-06-01T00:00:00Z").load(t, s, false), headend.Imported{Lines: 1, Changed: 1, Written: true})
		expectRows(t, s, installedWhere, "M1 U1 2019-12-31T17:00:00Z 2025-03-01T02:00:00Z", "M1 U2 2025-04-01T00:00:00Z 2025-05-01T00:00:00Z", "M2 U1 2025-03-01T02:00:00Z 2025-06-01T00:00:00Z")
		expectRows(t, s, deviceRows, "G1 gateway active mqtt - true", "M1 meter active mqtt G1 false", "M2 meter retired mqtt G1 false")
		// Nothing said about the installation leaves it alone.
		expectImport(t, devices("M1,meter,mqtt,,EM24,G1,,,,").load(t, s, false), headend.Imported{Lines: 1, Changed: 1, Written: true})
		expectImport(t, devices("M2,meter,mqtt,,,G1,U1,,2026-01-01,").load(t, s, false), headend.Imported{Lines: 1, Changed: 1, Written: true})
		expectRows(t, s, deviceRows, "G1 gateway active mqtt - true", "M1 meter active mqtt G1 false", "M2 meter active mqtt G1 false")
	})
}

func TestAnUnassignedDeviceBecomesActive(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		appendAll(t, s, batch("M9", noon, "import_wh", 5))
		expectRows(t, s, `SELECT state FROM device WHERE id = 'M9'`, "unassigned")
		expectImport(t, devices("M9,meter,mqtt,,,,U2,,2026-01-01,").load(t, s, false), headend.Imported{Lines: 1, Changed: 1, Written: true})
		expectRows(t, s, `SELECT state FROM device WHERE id = 'M9'`, "active")
		if err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if standing, _ := s.Standing("M9"); standing.State != headend.DeviceActive {
			t.Errorf("standing is %+v", standing)
		}
	})
}

func TestPasswordsAreStoredHashed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		line := devices("M1,meter,mqtt,,,G1,U1,a long enough secret,2020-01-01,")
		expectImport(t, line.load(t, s, false), headend.Imported{Lines: 1, Changed: 1, Written: true})
		expectImport(t, line.load(t, s, false), headend.Imported{Lines: 1, Unchanged: 1, Written: true})
		expectImport(t, devices("M1,meter,mqtt,,,G1,U1,,2020-01-01,").load(t, s, false), headend.Imported{Lines: 1, Unchanged: 1, Written: true})
		if err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Authenticate("M1", []byte("a long enough secret")); err != nil {
			t.Errorf("the right password: %v", err)
		}
		if _, _, err := s.Authenticate("M1", []byte("a long enough secreT")); !errors.Is(err, timeseries.ErrCredentials) {
			t.Errorf("a wrong password: %v", err)
		}
		expectRows(t, s, `SELECT octet_length(secret_salt), octet_length(secret_hash) FROM device WHERE id = 'M1'`, "16 32")
		expectImport(t, devices("M1,meter,mqtt,,,G1,U1,another long secret,2020-01-01,").load(t, s, false), headend.Imported{Lines: 1, Changed: 1, Written: true})
		if err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Authenticate("M1", []byte("a long enough secret")); !errors.Is(err, timeseries.ErrCredentials) {
			t.Errorf("the former password: %v", err)
		}
	})
}

// refusals are files on top of grid, and what each of their lines is refused for; "" is a good line.
var refusals = map[string]struct {
	file file
	want []string
}{
	"unknown parent":         {network("T9,,transformer,F9,,,,"), []string{"unknown parent F9"}},
	"parent refused too":     {network("F9,,line,S1,,,,", "T9,,transformer,F9,,,,", "T3,,transformer,F1,D1,,2021-01-01,"), []string{`kind "line" is none of`, "unknown parent F9, and line 2, which would define it, is refused", ""}},
	"unknown organisation":   {network("T9,,transformer,F1,D9,,2020-01-01,"), []string{"unknown organisation D9"}},
	"cycle in a file":        {network("A,,feeder,B,,,,", "B,,feeder,C,,,,", "C,,feeder,A,,,,", "D,,feeder,,,,,"), []string{"is its own ancestor: A > B > C > A", "is its own ancestor: B > C > A > B", "its own ancestor", ""}},
	"cycle with the store":   {network("S1,E15,substation,T1,D1,40000,2020-01-01,"), []string{"is its own ancestor: S1 > T1 > F1 > S1"}},
	"cycle from a time on":   {network("S1,E15,substation,T1,D1,40000,2026-01-01,"), []string{"is its own ancestor"}},
	"its own parent":         {organisations("C9,,company,C9,,"), []string{"is its own ancestor: C9 > C9"}},
	"duplicate":              {organisations("C9,a,company,,2020-01-01,", "C9,b,company,,2020-01-01,"), []string{"", "C9 from 2020-01-01 00:00 on is in line 2 already"}},
	"overlapping versions":   {organisations("C9,a,company,,2020-01-01,2024-01-01", "C9,b,company,,2022-01-01,"), []string{"is valid until 2024-01-01 00:00, but line 3 has another version from 2022-01-01 00:00 on", ""}},
	"parent of another time": {network("F9,,feeder,S1,,,2021-01-01,2022-01-01", "T9,,transformer,F9,,,2023-01-01,"), []string{"", "parent F9 is not valid at any time between 2023-01-01 00:00 and no end"}},
	"unknown node":           {usagePoints("U9,,,T9,D1,L1,,"), []string{"unknown node T9"}},
	"no node":                {usagePoints("U9,,,,D1,L1,,"), []string{"node is empty"}},
	"bad phases":             {usagePoints(`U9,,,T1,D1,"L1,L4",,`, `U8,,,T1,D1,"L1,L1",,`, `U7,,,T1,D1,3,,`), []string{`phases "L1,L4" is not`, `phases "L1,L1" is not`, `phases "3"`}},
	"bad kind":               {organisations("C9,,province,,,"), []string{`kind "province" is none of corporation, company, district`}},
	"to before from":         {organisations("C9,,company,,2024-01-01,2023-12-31"), []string{"to 2023-12-31 is not after from 2024-01-01T00:00:00+07:00"}},
	"to at from":             {organisations("C9,,company,,2024-01-01,2024-01-01"), []string{"is not after from"}},
	"bad time":               {organisations("C9,,company,,01/02/2024,"), []string{`from "01/02/2024" is neither a date`}},
	"impossible time":        {organisations("C9,,company,,1066-10-14,"), []string{"lies before 1970"}},
	"number of columns":      {organisations("C9,,company,,", "C8,,company,,,"), []string{"has 5 columns, 6 are expected", ""}},
	"invalid UTF-8":          {organisations("C9,Qu\xe3ng Nam,company,,,", "C8,,company,,,"), []string{`name "Qu\xe3ng Nam" is not UTF-8`, ""}},
	"control character":      {organisations("C9,a\x00b,company,,,"), []string{"control character"}},
	"bare quote":             {organisations(`C9,6" pipe,company,,,`, "C8,,company,,,"), []string{"is not CSV", ""}},
	"blank in an id":         {organisations("C9 ,,company,,,"), []string{"begins or ends with a blank"}},
	"empty id":               {organisations(",,company,,,"), []string{"id is empty"}},
	"too long":               {organisations(strings.Repeat("x", 65) + ",,company,,,"), []string{"id has 65 bytes, at most 64"}},
	"bad rating":             {network("T9,,transformer,F1,,0,2020-01-01,", "T8,,transformer,F1,,-5,2020-01-01,", "T7,,transformer,F1,,NaN,2020-01-01,"), []string{"rated_kva", "rated_kva", "rated_kva"}},

	"bad device id":          {devices("M 9,meter,mqtt,,,,,,,"), []string{`device id "M 9" has the character ' '`}},
	"NUL in a device id":     {devices("M9,meter,mqtt,,,,,,,", "M\x008,meter,mqtt,,,,,,,"), []string{"", "has the character"}},
	"bad device kind":        {devices("M9,switch,mqtt,,,,,,,"), []string{`kind "switch" is none of meter, gateway, rtu`}},
	"unknown protocol":       {devices("M9,meter,dlms,,,,,,,"), []string{`protocol "dlms" is none of mqtt, modbus`}},
	"unknown usage point":    {devices("M9,meter,mqtt,,,,U9,,,"), []string{"unknown usage point U9"}},
	"unknown gateway":        {devices("M9,meter,mqtt,,,G9,,,,"), []string{"unknown gateway G9"}},
	"a meter for a gateway":  {devices("M9,meter,mqtt,,,M1,,,,", "M8,meter,mqtt,,,M9,,,,"), []string{"gateway M1 is a meter", "gateway M9 is a meter"}},
	"its own gateway":        {devices("G9,gateway,mqtt,,,G9,,,,"), []string{"is its own gateway"}},
	"gateways in a ring":     {devices("G8,gateway,mqtt,,,G9,,,,", "G9,gateway,mqtt,,,G8,,,,", "G7,gateway,mqtt,,,G1,,,,"), []string{"is its own gateway: above G9 comes G8 again", "is its own gateway: above G8 comes G9 again", ""}},
	"a gateway that meters":  {devices("G9,gateway,mqtt,,,,U1,,,"), []string{"a gateway measures no usage point"}},
	"short password":         {devices("M9,meter,mqtt,,,,,mật khẩu ngắn,,"), []string{"password has 13 characters, at least 16 are needed"}},
	"two passwords":          {devices("M9,meter,mqtt,,,,U2,a long enough secret,2020-01-01,2021-01-01", "M9,meter,mqtt,,,,U2,b long enough secret,2021-01-01,"), []string{"", "line 2 gives this device another password"}},
	"two kinds":              {devices("M9,meter,mqtt,,,,,,2020-01-01,", "M9,rtu,mqtt,,,,,,2021-01-01,"), []string{"", "says other things about the device than line 2"}},
	"in two places":          {devices("M9,meter,mqtt,,,,U2,,2020-01-01,2022-01-01", "M9,meter,mqtt,,,,U2,,2021-01-01,"), []string{"overlapping installation: ends 2022-01-01 00:00, but line 3", ""}},
	"usage point taken":      {devices("M9,meter,mqtt,,,,U1,,2024-01-01,"), []string{"overlapping installation: usage point U1 is measured by M1 from 2020-01-01 00:00 until no end"}},
	"taken in the same file": {devices("M9,meter,mqtt,,,,U2,,2020-01-01,", "M8,meter,mqtt,,,,U2,,2020-01-01,"), []string{"", "usage point U2 is measured by M9"}},
	"before what is stored":  {devices("M1,meter,mqtt,,,G1,U2,,2019-01-01,2021-01-01"), []string{"overlapping installation: the device is at usage point U1 from 2020-01-01 00:00 until no end"}},
}

func TestRefusedLinesNameNumberAndReason(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		before := table(t, s, registryState)
		for name, c := range refusals {
			t.Run(name, func(t *testing.T) {
				result := c.file.load(t, s, false)
				if result.Written || result.New+result.Changed+result.Unchanged > 0 || result.Lines != len(c.want) {
					t.Errorf("result %+v", result)
				}
				expectRefused(t, result.Refused, c.want)
				if diff := cmp.Diff(before, table(t, s, registryState)); diff != "" {
					t.Error("something was written")
				}
			})
		}
	})
}

func TestNoGatewayStandsAboveItself(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		chain := devices("G7,gateway,mqtt,,,G8,,,,", "G8,gateway,mqtt,,,G9,,,,", "G9,gateway,mqtt,,,,,,,")
		for range 2 { // the same file again is no ring either
			expectRefused(t, chain.load(t, s, false).Refused, []string{"", "", ""})
		}
		expectRefused(t, devices("G9,gateway,mqtt,,,G7,,,,").load(t, s, false).Refused, []string{"is its own gateway: above G7 comes G9 again"})
		expectRefused(t, devices("G9,gateway,mqtt,,,G7,,,,", "G7,gateway,mqtt,,,,,,,").load(t, s, false).Refused, []string{"", ""}) // turned round
	})
}

func expectRefused(t *testing.T, got []headend.RefusedLine, want []string) {
	t.Helper()
	byLine := map[int]string{}
	for _, r := range got {
		if byLine[r.Line] != "" {
			t.Errorf("line %d is refused twice", r.Line)
		}
		byLine[r.Line] = r.Reason
	}
	for i, reason := range want {
		switch got, refused := byLine[i+2]; {
		case refused && reason == "":
			t.Errorf("line %d is good, and was refused: %s", i+2, got)
		case !refused && reason != "":
			t.Errorf("line %d was taken, want %q", i+2, reason)
		case !strings.Contains(got, reason):
			t.Errorf("line %d: %q, want %q", i+2, got, reason)
		}
	}
}

func TestSkipRefusedWritesTheGoodLines(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		for _, name := range []string{"parent refused too", "cycle in a file", "duplicate", "parent of another time", "number of columns", "taken in the same file"} {
			c := refusals[name]
			result := c.file.load(t, s, true)
			expectRefused(t, result.Refused, c.want)
			good := 0
			for _, reason := range c.want {
				if reason == "" {
					good++
				}
			}
			if !result.Written || result.New != good {
				t.Errorf("%s: %+v, want %d new", name, result, good)
			}
		}
		expectRows(t, s, `SELECT id FROM node WHERE id IN ('A', 'B', 'C', 'D', 'F9', 'T9', 'T3') ORDER BY 1`, "D", "F9", "T3")
		expectRows(t, s, `SELECT id FROM device WHERE id LIKE 'M%' ORDER BY 1`, "M1", "M9")
	})
}

func TestAnImportTellsRunningHeadEnds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		conn, err := timeseries.Pool(s).Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Release()
		if _, err := conn.Exec(t.Context(), "LISTEN registry"); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second changes nothing and says nothing
			organisations("C1,,company,,,").load(t, s, false)
		}
		organisations("C2,,company,,,").load(t, s, false)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for range 2 {
			n, err := conn.Conn().WaitForNotification(ctx)
			if err != nil || n.Payload != "organisation" {
				t.Fatalf("notification %v, %v", n, err)
			}
		}
		if _, err := conn.Exec(t.Context(), "NOTIFY registry, 'the end'"); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Conn().WaitForNotification(ctx); err != nil || n.Payload != "the end" {
			t.Errorf("an import that changed nothing notified: %v, %v", n, err)
		}
		if _, err := conn.Exec(t.Context(), "UNLISTEN *"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAFileThatCannotBeReadWritesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		torn := errors.New("the disk is gone")
		var lines iter.Seq2[headend.Line[headend.Organisation], error] = func(yield func(headend.Line[headend.Organisation], error) bool) {
			for i := range 5000 {
				if !yield(headend.Line[headend.Organisation]{Number: i + 2, Row: headend.Organisation{ID: fmt.Sprint("C", i), Kind: "company"}}, nil) {
					return
				}
			}
			yield(headend.Line[headend.Organisation]{}, torn)
		}
		if _, err := s.ImportOrganisations(t.Context(), lines, timeseries.ImportOptions{}); !errors.Is(err, torn) {
			t.Errorf("error %v", err)
		}
		expectRows(t, s, "SELECT count(*) FROM organisation", "0")
		// A client that goes away in the middle leaves nothing either.
		ctx, cancel := context.WithCancel(t.Context())
		options := timeseries.ImportOptions{Progress: func(stage string, _ int) {
			if stage == "writing" {
				cancel()
			}
		}}
		if _, err := s.ImportOrganisations(ctx, importer.Organisations(organisations("C1,,company,,,").text("id,name,kind,parent,from,to")), options); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		expectRows(t, s, "SELECT count(*) FROM organisation", "0")
	})
}
