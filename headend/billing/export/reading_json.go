package export

import (
	"encoding/json"
	"io"

	"lastgasp/headend"
)

// readingJSON writes an object a row: on a line each, or as items of one document with the cursor of the next page.
type readingJSON struct {
	out   io.Writer
	text  []byte
	names [][]byte // `"import_wh":`
	list  bool
	begun bool
}

func newReadingNDJSON(w io.Writer, quantities []headend.Quantity) (ReadingWriter, error) {
	return beginReadingJSON(w, quantities, false)
}

func newReadingJSON(w io.Writer, quantities []headend.Quantity) (ReadingWriter, error) {
	return beginReadingJSON(w, quantities, true)
}

func beginReadingJSON(w io.Writer, quantities []headend.Quantity, list bool) (*readingJSON, error) {
	j := &readingJSON{out: w, text: make([]byte, 0, textBuffer+4096), list: list}
	for _, q := range quantities {
		name, err := json.Marshal(q)
		if err != nil {
			return nil, err
		}
		j.names = append(j.names, append(name, ':'))
	}
	if list {
		j.text = append(j.text, `{"items":[`...)
	}
	return j, nil
}

func (j *readingJSON) WriteBlock(b *headend.ReadingBlock) error {
	return runs(b, func(run *headend.ReadingRun, from, to int) error {
		head, err := jsonHead(run)
		if err != nil {
			return err
		}
		for i := from; i < to; i++ {
			if j.list && j.begun {
				j.text = append(j.text, ',')
			}
			j.begun = true
			j.text = append(j.text, head...)
			if err := j.row(b, i); err != nil {
				return err
			}
			if !j.list {
				j.text = append(j.text, '\n')
			}
			if len(j.text) >= textBuffer {
				if err := j.flush(); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// jsonHead is the beginning of each row of a run.
func jsonHead(run *headend.ReadingRun) ([]byte, error) {
	head := []byte{'{'}
	if run.UsagePoint != "" {
		point, err := json.Marshal(run.UsagePoint)
		if err != nil {
			return nil, err
		}
		head = append(append(append(head, `"usage_point":`...), point...), ',')
	}
	meter, err := json.Marshal(run.Device)
	if err != nil {
		return nil, err
	}
	return append(append(append(head, `"meter":`...), meter...), ',', '"'), nil
}

func (j *readingJSON) row(b *headend.ReadingBlock, i int) error {
	t := appendMicros(append(j.text, `time":"`...), b.Time[i])
	t = appendMicros(append(t, `","received":"`...), b.Received[i])
	t = append(t, `","quality":[`...)
	for k, name := range b.Quality[i].Names() {
		if k > 0 {
			t = append(t, ',')
		}
		t = append(append(append(t, '"'), name...), '"')
	}
	t = append(t, `],"values":{`...)
	first := true
	for k := range b.Columns {
		if !b.Columns[k].Known[i] {
			continue
		}
		if !first {
			t = append(t, ',')
		}
		first = false
		t = appendNumber(append(t, j.names[k]...), &b.Columns[k], i)
	}
	j.text = append(t, "}}"...)
	return nil
}

func (j *readingJSON) flush() error {
	_, err := j.out.Write(j.text)
	j.text = j.text[:0]
	return err
}

func (j *readingJSON) Close(next string) error {
	if j.list {
		j.text = append(j.text, ']')
		if next != "" {
			cursor, err := json.Marshal(next)
			if err != nil {
				return err
			}
			j.text = append(append(j.text, `,"next":`...), cursor...)
		}
		j.text = append(j.text, "}\n"...)
	}
	return j.flush()
}
