package billing

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// snapshotFormat changes with every change of what a snapshot's bytes mean.
const snapshotFormat = 1

// ErrSnapshot says that bytes are no snapshot, or not the whole of one.
var ErrSnapshot = errors.New("billing snapshot")

// Header says what a run was about. It holds no time of its making: the same inputs make the same bytes.
type Header struct {
	Format int      `json:"lastgasp_billing"` // set by NewSnapshot
	Period Period   `json:"period"`
	Zone   string   `json:"zone"`
	Gate   Gate     `json:"gate"`
	Inputs []string `json:"inputs,omitempty"` // what it was made of beside readings and ledger: digest of the settings, usage points, quantities
}

// Totals close a snapshot.
type Totals struct {
	Lines  int `json:"lines"`
	Passed int `json:"passed"`
	Held   int `json:"held"`
}

// record is one line of the file.
type record struct {
	Header *Header `json:"header,omitempty"`
	Line   *Line   `json:"line,omitempty"`
	Totals *Totals `json:"totals,omitempty"`
}

// SnapshotWriter writes a run as it goes, holding no more than one line.
type SnapshotWriter struct {
	out    io.Writer
	sum    hash.Hash
	totals Totals
	last   *Line
}

// NewSnapshot begins a snapshot: lines of JSON, the header first, the totals last.
func NewSnapshot(w io.Writer, header Header) (*SnapshotWriter, error) {
	if err := header.Period.Validate(); err != nil {
		return nil, err
	}
	if err := header.Gate.Validate(); err != nil {
		return nil, err
	}
	header.Format, header.Period = snapshotFormat, header.Period.utc()
	s := &SnapshotWriter{out: w, sum: sha256.New()}
	return s, s.write(record{Header: &header})
}

// Add writes a line. Lines come in order of usage point, then quantity, each once.
func (s *SnapshotWriter) Add(line Line) error {
	if s.last != nil && order(*s.last, line) >= 0 {
		return fmt.Errorf("%w: %s %s does not come after %s %s", ErrSnapshot, line.UsagePoint, line.Quantity, s.last.UsagePoint, s.last.Quantity)
	}
	s.last = &Line{UsagePoint: line.UsagePoint, Quantity: line.Quantity}
	s.totals.Lines++
	if len(line.Held) == 0 {
		s.totals.Passed++
	} else {
		s.totals.Held++
	}
	return s.write(record{Line: &line})
}

// Close writes the totals and tells the id: the SHA-256 of all bytes, in hex.
func (s *SnapshotWriter) Close() (id string, totals Totals, err error) {
	if err := s.write(record{Totals: &s.totals}); err != nil {
		return "", Totals{}, err
	}
	return hex.EncodeToString(s.sum.Sum(nil)), s.totals, nil
}

func (s *SnapshotWriter) write(r record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	text = append(text, '\n')
	if _, err := s.out.Write(text); err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	_, err = s.sum.Write(text)
	return err
}

func order(a, b Line) int {
	if c := strings.Compare(a.UsagePoint, b.UsagePoint); c != 0 {
		return c
	}
	return strings.Compare(string(a.Quantity), string(b.Quantity))
}

// SnapshotReader reads what a SnapshotWriter wrote, a line at a time.
type SnapshotReader struct {
	Header  Header
	in      *json.Decoder
	sum     hash.Hash
	whole   io.Reader
	totals  Totals
	last    *Line
	ended   bool
	counted Totals
}

// OpenSnapshot reads the header. It returns ErrSnapshot for what is no snapshot of this format.
func OpenSnapshot(r io.Reader) (*SnapshotReader, error) {
	s := &SnapshotReader{sum: sha256.New()}
	s.whole = io.TeeReader(r, s.sum)
	s.in = json.NewDecoder(s.whole)
	s.in.DisallowUnknownFields()
	first, err := s.read()
	if err != nil {
		return nil, err
	}
	if first.Header == nil || first.Header.Format != snapshotFormat {
		return nil, fmt.Errorf("%w: it does not begin with a header of format %d", ErrSnapshot, snapshotFormat)
	}
	s.Header = *first.Header
	return s, nil
}

// Next is the next line, io.EOF after the last one of a whole snapshot, or ErrSnapshot.
func (s *SnapshotReader) Next() (Line, error) {
	if s.ended {
		return Line{}, io.EOF
	}
	r, err := s.read()
	if err != nil {
		return Line{}, err
	}
	if r.Line != nil {
		if s.last != nil && order(*s.last, *r.Line) >= 0 {
			return Line{}, fmt.Errorf("%w: %s %s is out of order", ErrSnapshot, r.Line.UsagePoint, r.Line.Quantity)
		}
		s.last = &Line{UsagePoint: r.Line.UsagePoint, Quantity: r.Line.Quantity}
		s.counted.Lines++
		return *r.Line, nil
	}
	if r.Totals == nil || r.Totals.Lines != s.counted.Lines {
		return Line{}, fmt.Errorf("%w: its totals do not fit its %d lines", ErrSnapshot, s.counted.Lines)
	}
	if s.in.More() {
		return Line{}, fmt.Errorf("%w: something follows its end", ErrSnapshot)
	}
	s.totals, s.ended = *r.Totals, true
	return Line{}, io.EOF
}

// ID is the hash of what was read and the totals; only after Next has returned io.EOF, else "".
func (s *SnapshotReader) ID() (string, Totals) {
	if !s.ended {
		return "", Totals{}
	}
	return hex.EncodeToString(s.sum.Sum(nil)), s.totals
}

func (s *SnapshotReader) read() (record, error) {
	var r record
	if err := s.in.Decode(&r); errors.Is(err, io.EOF) {
		return r, fmt.Errorf("%w: it ends before its totals", ErrSnapshot)
	} else if err != nil {
		return r, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	return r, nil
}
