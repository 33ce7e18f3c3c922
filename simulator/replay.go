package simulator

import (
	"container/heap"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lastgasp/headend"
)

// Replay plays recorded readings: a folder of CSV files, one a meter, named <meter>.csv, with the header
// time,<quantity>,... and rows in the order of time. An empty cell is a value that was not measured.
// Values go out as they stand in the file.
type Replay struct {
	files    []replayFile
	accounts []Account
}

type replayFile struct {
	path    string
	meter   headend.DeviceID
	account int
	named   bool // the account is a gateway: messages name the meter
}

// NewReplay looks at the folder. With a grid, meters speak through their gateways with the grid's
// passwords; without one each is an account of its own, without a password. It returns an error for a
// folder without CSV files, a file not named after a device, or a meter that the grid does not have.
func NewReplay(dir string, grid *Grid) (*Replay, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s holds no .csv files", dir)
	}
	r := &Replay{}
	numbers := map[headend.DeviceID]int{}
	account := func(a Account) int {
		n, ok := numbers[a.ID]
		if !ok {
			n = len(r.accounts)
			numbers[a.ID] = n
			r.accounts = append(r.accounts, a)
		}
		return n
	}
	points := map[headend.DeviceID]*Point{}
	if grid != nil {
		for i := range grid.Points {
			points[grid.Points[i].Meter] = &grid.Points[i]
		}
	}
	for _, path := range paths {
		f := replayFile{path: path, meter: headend.DeviceID(strings.TrimSuffix(filepath.Base(path), ".csv"))}
		if err := f.meter.Validate(); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		speaker := Account{ID: f.meter}
		if grid != nil {
			p := points[f.meter]
			if p == nil {
				return nil, fmt.Errorf("%s: the grid has no meter %q", path, f.meter)
			}
			speaker.Password = p.Password
			if p.Gateway != None {
				g := grid.Gateways[p.Gateway]
				speaker, f.named = Account{g.ID, g.Password}, true
			}
		}
		f.account = account(speaker)
		r.files = append(r.files, f)
	}
	return r, nil
}

// Accounts lists who logs in.
func (r *Replay) Accounts() []Account { return r.accounts }

// ReplayOptions say how fast and when.
type ReplayOptions struct {
	Speed    float64   // recorded seconds in a second; 0: as fast as the face takes them
	ShiftTo  time.Time // the earliest recorded time becomes this one; zero: times stay as they are
	Progress func(count int, at time.Time)
}

// Run publishes every row of every file in the order of time, then returns nil. It returns an error that
// names file and line for a row that cannot be used, and nil when ctx ends.
func (r *Replay) Run(ctx context.Context, face Face, options ReplayOptions) (err error) {
	var queue replayQueue
	defer func() {
		for _, s := range queue {
			err = errors.Join(err, s.file.Close())
		}
	}()
	for i := range r.files {
		s, err := openReplay(&r.files[i])
		if err != nil {
			return err
		}
		if s != nil {
			queue = append(queue, s)
		}
	}
	heap.Init(&queue)
	if len(queue) == 0 {
		return errors.New("the files hold no readings")
	}
	first, begin := queue[0].at, time.Now()
	shift := time.Duration(0)
	if !options.ShiftTo.IsZero() {
		shift = options.ShiftTo.Sub(first)
	}
	for count := 1; len(queue) > 0 && ctx.Err() == nil; count++ {
		s := queue[0]
		if options.Speed > 0 {
			if d := time.Until(begin.Add(time.Duration(float64(s.at.Sub(first)) / options.Speed))); d > 0 {
				if wait(ctx, d); ctx.Err() != nil {
					return nil
				}
			}
		}
		if err := face.Publish(ctx, s.of.account, "ami/v1/"+string(r.accounts[s.of.account].ID)+"/reads", s.payload(shift)); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if options.Progress != nil {
			options.Progress(count, s.at.Add(shift))
		}
		more, err := s.next()
		if err != nil {
			return err
		}
		if more {
			heap.Fix(&queue, 0)
			continue
		}
		heap.Pop(&queue)
		if err := s.file.Close(); err != nil {
			return err
		}
	}
	return nil
}

// replayStream is one file at its current row.
type replayStream struct {
	of     *replayFile
	file   *os.File
	reader *csv.Reader
	header []string
	row    []string
	at     time.Time
}

// openReplay opens a file at its first row; nil when it has none.
func openReplay(f *replayFile) (*replayStream, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	s := &replayStream{of: f, file: file, reader: csv.NewReader(file)}
	s.header, err = s.reader.Read()
	if err == nil {
		err = s.checkHeader()
	}
	more := false
	if err == nil {
		more, err = s.next()
	} else {
		err = fmt.Errorf("%s: header: %w", f.path, err)
	}
	if err != nil || !more {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

func (s *replayStream) checkHeader() error {
	if s.header[0] != "time" || len(s.header) < 2 {
		return errors.New("it must be time and one or more quantities")
	}
	for _, name := range s.header[1:] {
		if !headend.ValidQuantityName(name) {
			return fmt.Errorf("%q is no name of a quantity", name)
		}
	}
	return nil
}

// next goes to the next row; false at the end of the file.
func (s *replayStream) next() (bool, error) {
	row, err := s.reader.Read()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", s.of.path, err)
	}
	line, _ := s.reader.FieldPos(0)
	at, err := time.Parse(time.RFC3339, row[0])
	if err != nil {
		return false, fmt.Errorf("%s line %d: time %q is not RFC 3339", s.of.path, line, row[0])
	}
	if at.Before(s.at) {
		return false, fmt.Errorf("%s line %d: time %s is before the line above", s.of.path, line, row[0])
	}
	for i, cell := range row[1:] {
		if cell == "" {
			continue
		}
		if _, err := headend.ParseDecimal(cell); err != nil {
			return false, fmt.Errorf("%s line %d: %s: %w", s.of.path, line, s.header[i+1], err)
		}
	}
	s.row, s.at = row, at
	return true, nil
}

// payload is the current row as the native format has it.
func (s *replayStream) payload(shift time.Duration) []byte {
	b := []byte{'{'}
	if s.of.named {
		b = append(append(append(b, `"device":"`...), s.of.meter...), `",`...)
	}
	b = append(b, `"time":"`...)
	b = s.at.Add(shift).UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","values":{`...)
	separator := ""
	for i, cell := range s.row[1:] {
		if cell == "" {
			continue
		}
		b = append(append(append(append(b, separator...), '"'), s.header[i+1]...), `":`...)
		b = appendNumber(b, cell)
		separator = ","
	}
	return append(b, `}}`...)
}

// appendNumber appends decimal text as a JSON number, which knows no plus sign, no leading zeros and no
// bare point.
func appendNumber(b []byte, text string) []byte {
	if text[0] == '-' {
		b = append(b, '-')
	}
	text = strings.TrimLeft(text, "+-")
	for len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9' {
		text = text[1:]
	}
	if text[0] == '.' {
		b = append(b, '0')
	}
	if whole, exponent, ok := strings.Cut(text, "."); ok && (exponent == "" || exponent[0] < '0' || exponent[0] > '9') {
		text = whole + exponent
	}
	return append(b, text...)
}

// replayQueue is a heap by time.
type replayQueue []*replayStream

func (q replayQueue) Len() int { return len(q) }
func (q replayQueue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].of.path < q[j].of.path
}
func (q replayQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *replayQueue) Push(x any)   { *q = append(*q, x.(*replayStream)) }
func (q *replayQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
