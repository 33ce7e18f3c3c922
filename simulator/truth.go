package simulator

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
	"sync"
	"time"

	"lastgasp/headend"
)

// Fate is what the channel does to a reading or event.
type Fate string

// Fates.
const (
	FateSent Fate = "sent" // handed to the sender's connection, which keeps it until it is acknowledged
	FateLate Fate = "late" // the same, but later
	FateLost Fate = "lost" // never leaves the meter
)

// Happening is an event of a device.
type Happening struct {
	Device     headend.DeviceID
	UsagePoint string    // "" for a gateway
	At         time.Time // when it happened, truly
	Time       time.Time // when it happened by the device's clock: what it publishes
	Event      headend.EventType
	Seq        int64
	Duration   time.Duration  // of power_failure
	Phases     headend.Phases // of phase_lost and phase_back
	Former     time.Time      // of clock_set: what the clock showed before
	MadeUp     bool           // a gateway says it for a meter that has not
	Said       time.Time      // when the message left, truly: what a late one waits for is before that
}

// Interruption is one usage point without some or all of its phases.
type Interruption struct {
	UsagePoint string
	Start, End time.Time      // End is zero while it lasts
	Lost       headend.Phases // of the phases the point has
	Fault      string         // the id of the fault that began it
}

// Damage is one fault as it was.
type Damage struct {
	ID         string
	Kind       FaultKind
	Where      string
	Start, End time.Time // End is zero while it lasts
	Points     int       // usage points below; of firmware and clock_jump, meters concerned
}

// Truth is told everything that is true. Calls come from one goroutine, in the order of the simulated
// time; what is pointed to is reused after the call.
type Truth interface {
	Reading(m *Measurement, fate Fate) error
	Happened(h *Happening, fate Fate) error // once for each attempt at delivery
	Interrupted(i Interruption) error       // when it ends, and at the end of the simulation for those that last
	Damaged(d Damage) error                 // the same
}

// MemoryTruth keeps the truth for tests. Its methods may be called while a simulation runs.
type MemoryTruth struct {
	mu            sync.Mutex
	readings      []Measurement
	readingFates  []Fate
	happenings    []Happening
	fates         []Fate
	interruptions []Interruption
	damages       []Damage
}

func (t *MemoryTruth) Reading(m *Measurement, fate Fate) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.readings, t.readingFates = append(t.readings, *m), append(t.readingFates, fate)
	return nil
}

func (t *MemoryTruth) Happened(h *Happening, fate Fate) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.happenings, t.fates = append(t.happenings, *h), append(t.fates, fate)
	return nil
}

func (t *MemoryTruth) Interrupted(i Interruption) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.interruptions = append(t.interruptions, i)
	return nil
}

func (t *MemoryTruth) Damaged(d Damage) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.damages = append(t.damages, d)
	return nil
}

// Readings is what was measured and what became of each.
func (t *MemoryTruth) Readings() ([]Measurement, []Fate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.readings), slices.Clone(t.readingFates)
}

// Happenings is what devices had to say, once for each attempt, and what became of each.
func (t *MemoryTruth) Happenings() ([]Happening, []Fate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.happenings), slices.Clone(t.fates)
}

// Interruptions is who was without supply.
func (t *MemoryTruth) Interruptions() []Interruption {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.interruptions)
}

// Damages is what failed.
func (t *MemoryTruth) Damages() []Damage {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.damages)
}

// FileTruth writes the truth as NDJSON, one object a line, told apart by "kind": reading, event,
// interruption, fault.
type FileTruth struct {
	w    *bufio.Writer
	line []byte
}

// NewFileTruth writes to w. Flush it at the end.
func NewFileTruth(w io.Writer) *FileTruth { return &FileTruth{w: bufio.NewWriterSize(w, 256<<10)} }

// Flush writes what is buffered.
func (t *FileTruth) Flush() error { return t.w.Flush() }

func (t *FileTruth) Reading(m *Measurement, fate Fate) error {
	b := append(t.line[:0], `{"kind":"reading","device":"`...)
	b = append(append(b, m.Meter...), `","at":"`...)
	b = append(m.At.UTC().AppendFormat(b, time.RFC3339Nano), `","time":"`...)
	b = append(m.Time.UTC().AppendFormat(b, time.RFC3339Nano), `","fate":"`...)
	b = append(append(b, fate...), `","values":`...)
	t.line = append(m.appendValues(b), '}', '\n')
	_, err := t.w.Write(t.line)
	return err
}

func (t *FileTruth) Happened(h *Happening, fate Fate) error {
	return t.write(struct {
		Kind       string            `json:"kind"`
		Device     headend.DeviceID  `json:"device"`
		UsagePoint string            `json:"usage_point,omitempty"`
		At         time.Time         `json:"at"`
		Time       time.Time         `json:"time"`
		Said       time.Time         `json:"said,omitzero"`
		Event      headend.EventType `json:"event"`
		Seq        int64             `json:"seq"`
		Seconds    float64           `json:"duration_s,omitempty"`
		Phases     string            `json:"phases,omitempty"`
		MadeUp     bool              `json:"made_up,omitempty"`
		Fate       Fate              `json:"fate"`
	}{"event", h.Device, h.UsagePoint, h.At, h.Time, h.Said, h.Event, h.Seq, h.Duration.Seconds(), h.Phases.String(), h.MadeUp, fate})
}

func (t *FileTruth) Interrupted(i Interruption) error {
	return t.write(struct {
		Kind       string    `json:"kind"`
		UsagePoint string    `json:"usage_point"`
		Start      time.Time `json:"start"`
		End        time.Time `json:"end,omitzero"`
		Lost       string    `json:"lost"`
		Fault      string    `json:"fault"`
	}{"interruption", i.UsagePoint, i.Start, i.End, i.Lost.String(), i.Fault})
}

func (t *FileTruth) Damaged(d Damage) error {
	return t.write(struct {
		Kind   string    `json:"kind"`
		ID     string    `json:"id"`
		Fault  FaultKind `json:"fault"`
		Where  string    `json:"where"`
		Start  time.Time `json:"start"`
		End    time.Time `json:"end,omitzero"`
		Points int       `json:"usage_points"`
	}{"fault", d.ID, d.Kind, d.Where, d.Start, d.End, d.Points})
}

func (t *FileTruth) write(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = t.w.Write(append(b, '\n'))
	return err
}
