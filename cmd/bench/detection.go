package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/interruption"
)

// The network the detector is measured on: 500 feeders of 20 transformers of 50 usage points.
const (
	detectorFeeders      = 500
	detectorTransformers = 20
	detectorPoints       = 50
	detectorAll          = detectorFeeders * detectorTransformers * detectorPoints
)

// detected is what the detector did with one kind of evidence.
type detected struct {
	what string
	rate float64 // events a second of processor time, garbage collection with it
	aim  string
	note string
}

// detection: signs of life and a storm of gasps into the detector alone, and the memory of a usage point.
func (b *bench) detection(_ context.Context, t *table) error {
	before := heap()
	network, meters, err := detectorNetwork()
	if err != nil {
		return err
	}
	d := interruption.New(network, interruption.Settings{})
	noon := time.Date(2026, 11, 20, 5, 0, 0, 0, time.UTC)
	evidence := interruption.Evidence{Gateway: interruption.NoDevice, Seq: headend.NoSeq}

	begin, err := ownCPU()
	if err != nil {
		return err
	}
	const reads = 10
	for i := range reads {
		evidence.Kind, evidence.Time = interruption.LifeSign, noon.Add(time.Duration(i-reads)*30*time.Minute)
		evidence.Received = evidence.Time
		for _, m := range meters {
			evidence.Device = m
			d.Observe(&evidence)
		}
	}
	d.Advance(noon)
	alive, err := ownCPU()
	if err != nil {
		return err
	}
	rest := heap() - before
	t.addDetected(detected{what: "signs of life", rate: reads * detectorAll / (alive - begin).Seconds(), aim: "1 M",
		note: fmt.Sprintf("%d bytes a usage point with its network and names; aim 64", rest/detectorAll)})

	begin = alive
	slowest := time.Duration(0)
	evidence.Kind, evidence.Seq = interruption.PowerDown, 1
	for second := range 60 {
		lost := noon.Add(time.Duration(second) * time.Second)
		from, err := ownCPU()
		if err != nil {
			return err
		}
		evidence.Time, evidence.Received = lost, lost.Add(38*time.Second)
		for i := second; i < detectorAll; i += 60 {
			evidence.Device = meters[i]
			d.Observe(&evidence)
		}
		d.Advance(evidence.Received)
		to, err := ownCPU()
		if err != nil {
			return err
		}
		slowest = max(slowest, to-from)
	}
	end, err := ownCPU()
	if err != nil {
		return err
	}
	t.addDetected(detected{what: "storm: every meter's gasp within a minute, derived each second", rate: detectorAll / (end - begin).Seconds(), aim: "1 M",
		note: fmt.Sprintf("slowest second %.1f s of CPU, heap %d MB at the end", slowest.Seconds(), heap()>>20)})
	runtime.KeepAlive(d)
	return nil
}

// heap is what lives.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func detectorNetwork() (*interruption.Network, []interruption.DeviceNo, error) {
	spec := interruption.Spec{}
	node := func(id, kind, parent string) {
		spec.Nodes = append(spec.Nodes, headend.Node{ID: id, Name: id, Kind: kind, Parent: parent})
	}
	for f := range detectorFeeders {
		substation, feeder := fmt.Sprintf("S%d", f/25), fmt.Sprintf("F%d", f)
		if f%25 == 0 {
			node(substation, "substation", "")
		}
		node(feeder, "feeder", substation)
		for i := range detectorTransformers {
			node(fmt.Sprintf("T%d", f*detectorTransformers+i), "transformer", feeder)
		}
	}
	for i := range detectorAll {
		point, meter := fmt.Sprintf("U%d", i), headend.DeviceID(fmt.Sprintf("M%d", i))
		spec.Points = append(spec.Points, headend.UsagePoint{ID: point, Node: fmt.Sprintf("T%d", i/detectorPoints), Phases: headend.L1})
		spec.Devices = append(spec.Devices, headend.Device{ID: meter, Kind: headend.KindMeter, State: headend.DeviceActive})
		spec.Installations = append(spec.Installations, headend.Installation{Device: meter, UsagePoint: point})
	}
	network, err := interruption.NewNetwork(spec)
	if err != nil {
		return nil, nil, err
	}
	meters := make([]interruption.DeviceNo, detectorAll)
	for i := range meters {
		no, known := network.Device(spec.Devices[i].ID)
		if !known {
			return nil, nil, fmt.Errorf("device %s was put into the network and is not in it", spec.Devices[i].ID)
		}
		meters[i] = no
	}
	return network, meters, nil
}

func (t *table) addDetected(d detected) {
	fmt.Fprintf(os.Stderr, "detector, %s: %s a second of CPU\n", d.what, thousands(d.rate))
	t.detected = append(t.detected, d)
}
