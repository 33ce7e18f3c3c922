package importer_test

import (
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/headend/importer"
)

func collect[Row any](t *testing.T, lines iter.Seq2[headend.Line[Row], error]) ([]headend.Line[Row], error) {
	t.Helper()
	var all []headend.Line[Row]
	for line, err := range lines {
		if err != nil {
			return all, err
		}
		all = append(all, line)
	}
	return all, nil
}

const header = "id,name,kind,parent,from,to"

func TestFilesAsSpreadsheetsWriteThem(t *testing.T) {
	zone := time.FixedZone("Hanoi", 7*3600)
	want := []headend.Line[headend.Organisation]{{Number: 2, ID: "C1", Row: headend.Organisation{ID: "C1", Name: "Quảng Nam", Kind: "company",
		From: time.Date(2024, 2, 28, 17, 0, 0, 0, time.UTC), To: time.Date(2025, 1, 1, 3, 30, 0, 0, time.UTC)}}}
	row := "C1,Quảng Nam,company,,2024-02-29,2025-01-01T10:30:00+07:00"
	for name, text := range map[string]string{
		"plain":                 header + "\n" + row + "\n",
		"no newline at the end": header + "\n" + row,
		"byte order mark":       "\ufeff" + header + "\n" + row + "\n",
		"Windows line ends":     header + "\r\n" + row + "\r\n",
		"everything in quotes":  `"id","name","kind","parent","from","to"` + "\n" + `"C1","Quảng Nam","company","","2024-02-29","2025-01-01T10:30:00+07:00"`,
		"decomposed letters":    header + "\n" + strings.Replace(row, "ả", "a\u0309", 1) + "\n",
	} {
		got, err := collect(t, importer.Organisations(iotest.OneByteReader(strings.NewReader(text)), importer.Format{Zone: zone}))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestLineNumbersAreThoseOfTheFile(t *testing.T) {
	text := header + "\nC1,\"two\nlines\",company,,,\n\nC2,x,company,,,\nC3,\"a\"b,company,,,\nC4,x,company,,,\nC5,\"open,company,,,\n"
	got, err := collect(t, importer.Organisations(strings.NewReader(text), importer.Format{}))
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, l := range got {
		word := "taken"
		if l.Refusal != "" {
			word, _, _ = strings.Cut(l.Refusal, ":")
		}
		seen = append(seen, string(rune('0'+l.Number))+" "+word)
	}
	if diff := cmp.Diff([]string{"2 name has the control character '\\n'", "5 taken", "6 is not CSV", "7 taken", "8 is not CSV"}, seen); diff != "" {
		t.Error(diff)
	}
}

func TestAnotherHeaderIsAnError(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":      {"", "the file is empty; its first line has to be id,name,kind,parent,from,to"},
		"semicolons": {"id;name;kind;parent;from;to\n", "separated by semicolons"},
		"other kind": {"id,kind,protocol\n", "the first line is id,kind,protocol and has to be id,name"},
		"order":      {"name,id,kind,parent,from,to\n", "has to be"},
		"UTF-16":     {"\xff\xfei\x00d\x00,\x00", "UTF-16"},
		"binary":     {"PK\x03\x04\xff\xff\"x", "not the expected header"},
	} {
		_, err := collect(t, importer.Organisations(strings.NewReader(c.text), importer.Format{}))
		if !errors.Is(err, importer.ErrHeader) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	torn := io.MultiReader(strings.NewReader(header+"\nC1,,company,,,\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	got, err := collect(t, importer.Organisations(torn, importer.Format{}))
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != 1 || !strings.Contains(err.Error(), "after line 2") {
		t.Errorf("a torn file: %d lines, %v", len(got), err)
	}
}

func TestAPasswordIsNeverRepeated(t *testing.T) {
	text := "id,kind,protocol,address,profile,gateway,usage_point,password,from,to\nM1,meter,mqtt,,,,,short-secret,,\nM2,meter,mqtt,,,,," + strings.Repeat("secret", 50) + ",,\nM3,meter,mqtt,,,,,\xffsecretsecretsecret,,\n"
	got, err := collect(t, importer.Devices(strings.NewReader(text), importer.Format{}))
	if err != nil || len(got) != 3 {
		t.Fatal(len(got), err)
	}
	for _, l := range got {
		if l.Refusal == "" || strings.Contains(l.Refusal, "secret") {
			t.Errorf("line %d: %q", l.Number, l.Refusal)
		}
	}
}

func TestWhatIsRepeatedOfALineHasNoControlCharacters(t *testing.T) {
	text := "id,kind,protocol,address,profile,gateway,usage_point,password,from,to\nM\x001,meter,mqtt,,,,,,,\nM2\x1b[2J,meter,mqtt,,,,,,,\nM3,me\x00ter,mqtt,,,,,,,\n"
	got, err := collect(t, importer.Devices(strings.NewReader(text), importer.Format{}))
	if err != nil || len(got) != 3 {
		t.Fatal(len(got), err)
	}
	for i, id := range []string{"M?1", "M2?[2J", "M3"} {
		if l := got[i]; l.Number != i+2 || l.ID != id || l.Refusal == "" || strings.ContainsFunc(l.Refusal, unicode.IsControl) {
			t.Errorf("line %d: %q %q", l.Number, l.ID, l.Refusal)
		}
	}
}

// Whatever is in a file: every line that is taken is fit for the store, and every other has a reason.
func FuzzDevices(f *testing.F) {
	for _, row := range []string{"M1,meter,mqtt,,,G1,U1,a long enough secret,2020-01-01,", "G1,gateway,modbus,10.0.0.1:502,EM24,,,,,2025-01-01T00:00:00Z", "\"x\"\"", "M1,meter,,,,,\"\n\",,,", "\xff,\x00"} {
		f.Add(row)
	}
	f.Fuzz(func(t *testing.T, rows string) {
		number := 1
		for line, err := range importer.Devices(strings.NewReader("id,kind,protocol,address,profile,gateway,usage_point,password,from,to\n"+rows), importer.Format{}) {
			if err != nil {
				t.Fatal(err)
			}
			if line.Number <= number {
				t.Fatalf("line %d after line %d", line.Number, number)
			}
			number = line.Number
			if !utf8.ValidString(line.Refusal) || !utf8.ValidString(line.ID) {
				t.Errorf("line %d is refused in other bytes than UTF-8", line.Number)
			}
			if strings.ContainsFunc(line.Refusal+line.ID, unicode.IsControl) {
				t.Errorf("line %d is refused with control characters: %q %q", line.Number, line.ID, line.Refusal)
			}
			if line.Refusal != "" {
				continue
			}
			row := line.Row
			for _, text := range []string{row.Device.Address, row.Device.Profile, row.UsagePoint, row.Password} {
				if !utf8.ValidString(text) {
					t.Errorf("line %d was taken with %q", line.Number, text)
				}
			}
			if row.Device.ID.Validate() != nil || !row.To.IsZero() && !row.To.After(row.From) {
				t.Errorf("line %d was taken: %+v", line.Number, row)
			}
		}
	})
}
