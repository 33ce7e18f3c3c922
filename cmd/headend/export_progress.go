package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"lastgasp/headend"
)

// exportProgress shows how far into its time an export is; only on a terminal.
type exportProgress struct {
	bar  *progressbar.ProgressBar // nil: not on a terminal
	from int64                    // µs since 1970
	last int64                    // seconds from there
}

func newExportProgress(w io.Writer, of headend.ReadingSelection) *exportProgress {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return &exportProgress{}
	}
	return &exportProgress{from: of.From.UnixMicro(), bar: progressbar.NewOptions64(int64(of.To.Sub(of.From)/time.Second), progressbar.OptionSetWriter(file),
		progressbar.OptionSetDescription("exporting"), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(30), progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish())}
}

// at is told the time of a row that was written, and how many rows there are by then.
func (p *exportProgress) at(us, rows int64) {
	if p.bar == nil {
		return
	}
	p.bar.Describe(fmt.Sprintf("%d readings", rows))
	p.last = max(p.last, (us-p.from)/1_000_000)
	if err := p.bar.Set64(p.last); err != nil { // what cannot be drawn is not worth ending an export for
		p.bar = nil
	}
}

// end takes the bar away.
func (p *exportProgress) end() {
	if p.bar != nil {
		if err := p.bar.Finish(); err != nil {
			p.bar = nil
		}
	}
}
