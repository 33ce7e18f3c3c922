package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols/modbus"
	"lastgasp/simulator"
)

// fieldModels are the models that the simulator plays.
var fieldModels = map[string]string{"relay": "sel_751a", "head_meter": "schneider_iem3000", "indicator": "siemens_sicam_fcm", "transformer_meter": "abb_b23"}

// nowhere is a face without anybody behind it.
type nowhere struct{}

func (nowhere) Publish(context.Context, int, string, []byte) error { return nil }
func (nowhere) Link(int, bool)                                     {}

// modbusField is a simulated grid whose Modbus face runs.
type modbusField struct {
	grid       *simulator.Grid
	simulation *simulator.Simulation
	truth      *simulator.MemoryTruth
	play       func() // starts the simulated clock
}

// newModbusField serves two feeders with every sort of unit on one port until the test ends. The clock stands until play.
func newModbusField(t *testing.T, framing, scenarioText string) *modbusField {
	t.Helper()
	return newModbusFieldOf(t, simulator.GridSpec{UsagePoints: 320, PointsPerTransformer: 10, TransformersPerFeeder: 16, ThreePhase: 0.2,
		Modbus: simulator.ModbusSpec{Listen: "127.0.0.1:0", Framing: framing, Indicators: 1, Transformers: 1}}, scenarioText, simulator.ModbusConfig{})
}

func newModbusFieldOf(t *testing.T, spec simulator.GridSpec, scenarioText string, config simulator.ModbusConfig) *modbusField {
	t.Helper()
	grid, err := simulator.Generate(spec, 4)
	if err != nil {
		t.Fatal(err)
	}
	ports, err := simulator.ListenModbus(grid)
	if err != nil {
		t.Fatal(err)
	}
	f := &modbusField{grid: grid, truth: &simulator.MemoryTruth{}}
	scenario, err := simulator.ParseScenario([]byte("interval: 1h\n" + strings.ReplaceAll(scenarioText, "FEEDER", f.feeder())))
	if err != nil {
		t.Fatal(err)
	}
	if f.simulation, err = simulator.New(grid, scenario, nowhere{}, simulator.Options{Truth: f.truth}); err != nil {
		t.Fatal(err)
	}
	config.Ports = ports
	face, err := simulator.NewModbus(config, f.simulation)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	start := func(run func(context.Context) error) {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { cancel(); running.Wait() })
	f.play = func() { start(f.simulation.Run) }
	start(face.Run)
	<-face.Ready()
	return f
}

// feeder is the id of the first feeder, which has a relay and a head meter.
func (f *modbusField) feeder() string {
	return strings.TrimPrefix(string(f.grid.UnitsOf("head_meter")[0]), "HM-")
}

// device is a unit as the registry would name it.
func (f *modbusField) device(id headend.DeviceID) modbus.Device {
	i := f.grid.FindUnit(id)
	return modbus.Device{ID: id, Address: f.grid.UnitAddress(i), Unit: modbus.NoUnit, Profile: f.grid.Units[i].Model, Node: f.grid.Nodes[f.grid.Units[i].Node].ID}
}

// model is the profile of a unit.
func (f *modbusField) model(id headend.DeviceID) string {
	return f.grid.Units[f.grid.FindUnit(id)].Model
}

// breakAll breaks units and returns what mends them. What a unit's maker has no word for does not strike it.
func (f *modbusField) breakAll(t *testing.T, units []headend.DeviceID, fault simulator.WireFault) (mend func()) {
	t.Helper()
	var ends []func() error
	for _, id := range units {
		end, err := f.simulation.Break(string(id), fault)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	return func() {
		t.Helper()
		for _, end := range ends {
			if err := end(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// ownProfiles writes the shipped profiles of the simulator's models, changed, into a folder.
func ownProfiles(t *testing.T, change func(model, text string) string) string {
	t.Helper()
	dir := t.TempDir()
	for _, model := range fieldModels {
		text, err := os.ReadFile(filepath.Join("..", "..", "protocols", "modbus", "profiles", model+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, model+".yaml"), []byte(change(model, string(text))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// recording is a sink that keeps what it is given and wakes whoever waits for it.
type recording struct {
	driver  *modbus.Driver // for what is said of a failure
	mu      sync.Mutex
	changed chan struct{}
	batches []headend.Batch
}

// Accept implements protocols.Sink.
func (s *recording) Accept(_ context.Context, batches []headend.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range batches {
		b.Raw, b.Readings, b.Events = slices.Clone(b.Raw), slices.Clone(b.Readings), slices.Clone(b.Events)
		s.batches = append(s.batches, b)
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

func (s *recording) all() []headend.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.batches)
}

// await waits until something holds for what has been accepted. It looks again with each Accept.
func (s *recording) await(t *testing.T, what string, holds func([]headend.Batch) bool) {
	t.Helper()
	patience := time.NewTimer(40 * time.Second)
	defer patience.Stop()
	for {
		s.mu.Lock()
		changed, batches := s.changed, s.batches[:len(s.batches):len(s.batches)]
		s.mu.Unlock()
		if holds(batches) {
			return
		}
		select {
		case <-changed:
		case <-patience.C:
			t.Fatalf("waited in vain for %s; %+v", what, s.driver.Counts())
		}
	}
}

// polls counts the batches with readings of a device.
func polls(batches []headend.Batch, id headend.DeviceID) (n int) {
	for _, b := range batches {
		if b.Device == id && len(b.Readings) > 0 {
			n++
		}
	}
	return n
}

// said lists the breaker events of a device.
func said(batches []headend.Batch, id headend.DeviceID) (list []headend.Event) {
	for _, b := range batches {
		for _, e := range b.Events {
			if b.Device == id && strings.HasPrefix(string(e.Type), "breaker_") {
				list = append(list, e)
			}
		}
	}
	return list
}

// runDriver polls into a new recording until the test ends, or stop is called.
func runDriver(t *testing.T, c modbus.Config, folder string) (s *recording, stop func()) {
	t.Helper()
	profiles, err := modbus.LoadProfiles(folder)
	if err != nil {
		t.Fatal(err)
	}
	driver, err := modbus.New(c, profiles)
	if err != nil {
		t.Fatal(err)
	}
	s = &recording{driver: driver, changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- driver.Run(ctx, s) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

// counted sums some of the driver's counters.
func counted(by map[string]uint64, names ...string) (n uint64) {
	for _, name := range names {
		n += by[name]
	}
	return n
}
