package timeseries

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

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
	done, err := s.ImportDevices(ctx, alone(line), ImportOptions{trail: func(ctx context.Context, tx pgx.Tx) error {
		now, err := list(ctx, tx, scanInstallation, sqlQueryInstallationOfDevice, i.Device)
		if err != nil {
			return err
		}
		return audit(ctx, tx, "meters/"+string(i.Device), auditedMeter(known.State, known.Installations), auditedMeter(headend.DeviceActive, now))
	}})
	switch {
	case err != nil:
		return fmt.Errorf("attach: %w", err)
	case len(done.Refused) > 0:
		return &headend.BadRequest{Reason: done.Refused[0].Reason}
	}
	return nil
}

// auditedMeter is what the trail shows of a meter that is attached.
func auditedMeter(state headend.DeviceState, found []headend.Installation) any {
	type installation struct {
		UsagePoint string     `json:"usage_point"`
		From       time.Time  `json:"from"`
		To         *time.Time `json:"to,omitempty"`
	}
	installations := []installation{}
	for _, i := range found {
		installations = append(installations, installation{i.UsagePoint, i.From, orNull(i.To)})
	}
	return map[string]any{"state": state, "installations": installations}
}

// alone is a file of one line.
func alone[Row any](line headend.Line[Row]) iter.Seq2[headend.Line[Row], error] {
	return func(yield func(headend.Line[Row], error) bool) { yield(line, nil) }
}
