package headend

import "errors"

// ExportFormat is a form in which readings can be had.
type ExportFormat struct {
	Name      string // csv, parquet, ...
	MediaType string // without parameters
	Profile   string // the parameter of the media type that tells it from another format of the same; "" for none
	Charset   string // "" for none
	Extension string // of a file, with its dot
	Words     string // what it is, for who reads the description
}

// ContentType is the media type with its parameters.
func (f ExportFormat) ContentType() string {
	text := f.MediaType
	if f.Profile != "" {
		text += "; profile=" + f.Profile
	}
	if f.Charset != "" {
		text += "; charset=" + f.Charset
	}
	return text
}

// ExportRequest is what is to be exported, and how.
type ExportRequest struct {
	ReadingSelection
	Format string
	Limit  int    // most rows; 0 for all
	Cursor string // where an export before stopped; "" from the beginning
}

// RunExport is a billing run in a format of billing systems.
type RunExport struct {
	ID       string // or number, of a run that is made
	Format   string
	Sender   string // participant ids, of NEM12 alone
	Receiver string
}

// ErrUnfit says that a format cannot carry what was asked for: the error has the reason.
var ErrUnfit = errors.New("the format cannot carry this")
