package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"lastgasp/simulator"
)

// replayCommand is `simulator replay`.
type replayCommand struct {
	Dir    string  `arg:"" type:"existingdir" help:"Folder of CSV files, one a meter: <meter>.csv with time,import_wh,..."`
	Broker string  `default:"tcp://127.0.0.1:1883" help:"Broker, tcp://host:port or tls://host:port."`
	Grid   string  `type:"existingpath" help:"Grid that the meters belong to: they speak through its gateways, with its passwords."`
	Speed  float64 `help:"Recorded seconds in a second; 0: as fast as the broker takes them."`
	Now    bool    `help:"Shift all times so that the first reading is now."`
}

// Run is called by kong.
func (c *replayCommand) Run(ctx context.Context) error {
	var grid *simulator.Grid
	var err error
	if c.Grid != "" {
		if grid, err = simulator.Load(c.Grid, simulator.GridSpec{}); err != nil {
			return err
		}
	}
	replay, err := simulator.NewReplay(c.Dir, grid)
	if err != nil {
		return err
	}
	if err := simulator.Probe(ctx, c.Broker); err != nil {
		return err
	}
	mqtt := simulator.NewMQTT(simulator.MQTTConfig{Broker: c.Broker, Block: true, Window: 100}, replay.Accounts())
	connections, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	var group sync.WaitGroup
	var faceErr error
	group.Go(func() { faceErr = mqtt.Run(connections) })
	var count, at atomic.Int64
	options := simulator.ReplayOptions{Speed: c.Speed, Progress: func(n int, t time.Time) { count.Store(int64(n)); at.Store(t.Unix()) }}
	if c.Now {
		options.ShiftTo = time.Now().Truncate(time.Second)
	}
	line := newStatus(time.Second, func() string {
		return fmt.Sprintf("%s · %d readings · %d acknowledged", time.Unix(at.Load(), 0).In(simulator.Saigon).Format(time.DateTime), count.Load(), mqtt.Counts().Acknowledged)
	})
	err = replay.Run(ctx, mqtt, options)
	patience := time.Minute
	if ctx.Err() != nil {
		patience = 5 * time.Second
	}
	rest, cancel := context.WithTimeout(connections, patience)
	defer cancel()
	drained := mqtt.Drain(rest)
	line.stop()
	hangUp()
	group.Wait()
	fmt.Printf("%d readings published, %d acknowledged\n", count.Load(), mqtt.Counts().Acknowledged)
	return errors.Join(err, drained, faceErr)
}
