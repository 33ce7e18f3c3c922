package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"lastgasp/headend"
)

// heldBack is how much of an answer waits for its end, in bytes: what is shorter has its cursor in the header, and an error
// on the way there is a problem document.
const heldBack = 256 << 10

// exportPiece is how much is written under one deadline, in bytes.
const exportPiece = 64 << 10

// How slowly a client may take what is written.
const (
	graceOfExport   = time.Minute // it may wait in all before its rate counts
	slowestOfExport = 32 << 10    // bytes a second it has to take on average
)

// exportAnswer is the body of an export. A client that takes it too slowly, or not at all, is cut off.
type exportAnswer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	format  headend.ExportFormat
	name    string
	held    []byte
	begun   bool // the header is sent
	sent    int64
	waited  time.Duration // for the client

	patience time.Duration // a client that has not taken a piece for so long is cut off
}

func newExportAnswer(w http.ResponseWriter, f headend.ExportFormat, of headend.ExportRequest, patience time.Duration) *exportAnswer {
	name := "readings-" + of.From.Format("20060102T150405Z") + "-" + of.To.Format("20060102T150405Z") + f.Extension
	return &exportAnswer{w: w, control: http.NewResponseController(w), format: f, name: name, patience: patience}
}

func (e *exportAnswer) header() {
	e.w.Header().Set("Content-Type", e.format.ContentType())
	e.w.Header().Set("Content-Disposition", `attachment; filename="`+e.name+`"`)
}

// Write holds bytes back, or sends them.
func (e *exportAnswer) Write(p []byte) (int, error) {
	if e.begun {
		return len(p), e.send(p)
	}
	if len(e.held)+len(p) <= heldBack {
		e.held = append(e.held, p...)
		return len(p), nil
	}
	e.header()
	e.w.Header().Set("Trailer", NextCursor)
	if err := e.begin(); err != nil {
		return 0, err
	}
	return len(p), e.send(p)
}

// begin sends the header and what was held back.
func (e *exportAnswer) begin() error {
	e.begun = true
	e.w.WriteHeader(http.StatusOK)
	held := e.held
	e.held = nil
	return e.send(held)
}

func (e *exportAnswer) send(p []byte) error {
	for len(p) > 0 {
		piece := p[:min(len(p), exportPiece)]
		began := time.Now()
		if err := e.hurry(began); err != nil {
			return err
		}
		n, err := e.w.Write(piece)
		e.sent, e.waited = e.sent+int64(n), e.waited+time.Since(began)
		if err != nil {
			return err
		}
		p = p[len(piece):]
	}
	return nil
}

// hurry gives the client its time to take the next piece, less where it was slow before.
func (e *exportAnswer) hurry(now time.Time) error {
	left := min(e.patience, graceOfExport+time.Duration(e.sent)*time.Second/slowestOfExport-e.waited)
	if err := e.control.SetWriteDeadline(now.Add(left)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// end sends what is left, and the cursor.
func (e *exportAnswer) end(next string) error {
	if e.begun {
		if next != "" {
			e.w.Header().Set(NextCursor, next)
		}
		if err := e.hurry(time.Now()); err != nil {
			return err
		}
		return e.control.Flush()
	}
	e.header()
	if next != "" {
		e.w.Header().Set(NextCursor, next)
	}
	e.w.Header().Set("Content-Length", strconv.Itoa(len(e.held)))
	return e.begin()
}
