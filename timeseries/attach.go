package timeseries

import (
	"context"
	"fmt"
	"iter"

	"lastgasp/headend"
)

// Attach installs a meter that is known at a usage point, as a line of a file of devices would; it is active from then on. An
// installation that lasts, of this meter elsewhere, ends when the new one begins. It returns *headend.Unknown for a meter that is
// not there, and *headend.BadRequest where the line would be refused.
func (s *Store) Attach(ctx context.Context, i headend.Installation) error {
	known, err := s.Device(ctx, i.Device)
	if err != nil {
		return err
	}
	if known.Kind != headend.KindMeter {
		return &headend.BadRequest{Reason: fmt.Sprintf("%s is a %s; only meters measure usage points", i.Device, known.Kind)}
	}
	line := headend.Line[headend.DeviceRow]{Number: 1, ID: string(i.Device), Row: headend.DeviceRow{Device: known.Device, UsagePoint: i.UsagePoint, From: i.From, To: i.To}}
	line.Row.Device.Node = "" // that it stands for now, which it goes on doing
	done, err := s.ImportDevices(ctx, alone(line), ImportOptions{})
	switch {
	case err != nil:
		return fmt.Errorf("attach: %w", err)
	case len(done.Refused) > 0:
		return &headend.BadRequest{Reason: done.Refused[0].Reason}
	}
	return nil
}

// alone is a file of one line.
func alone[Row any](line headend.Line[Row]) iter.Seq2[headend.Line[Row], error] {
	return func(yield func(headend.Line[Row], error) bool) { yield(line, nil) }
}
