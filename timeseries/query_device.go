package timeseries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Devices lists at most so many devices in the order of their ids, after one of them.
func (s *Store) Devices(ctx context.Context, f headend.DeviceFilter, after headend.DeviceID, limit int) (found []headend.DeviceStatus, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		sql := picked(sqlQueryDeviceList, pick{f.Node, sqlQueryDeviceByNode}, pick{f.Text, sqlQueryDeviceByText})
		found, err = list(ctx, tx, scanDevice, sql, after, limit, f.Kind, f.State, f.UsagePoint, f.Node, f.Text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("devices: %w", err)
	}
	return found, nil
}

func scanDevice(row pgx.CollectableRow) (d headend.DeviceStatus, err error) {
	err = row.Scan(&d.ID, &d.Kind, &d.State, &d.Protocol, &d.Address, &d.Profile, &d.Gateway, &d.FirstSeen, &d.UsagePoint, &d.Node, &d.PointName, &d.PointAddress)
	d.FirstSeen = d.FirstSeen.UTC()
	return d, err
}

// Device tells all that is known of one device, or returns *headend.Unknown.
func (s *Store) Device(ctx context.Context, id headend.DeviceID) (d headend.DeviceStatus, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		var number int32
		var heard *time.Time
		err := tx.QueryRow(ctx, sqlQueryDevice, id).Scan(&number, &d.ID, &d.Kind, &d.State, &d.Protocol, &d.Address, &d.Profile,
			&d.Gateway, &d.FirstSeen, &d.UsagePoint, &d.Node, &d.PointName, &d.PointAddress, &heard)
		if errors.Is(err, pgx.ErrNoRows) {
			return &headend.Unknown{What: "device", ID: string(id)}
		} else if err != nil {
			return err
		}
		d.FirstSeen, d.LastHeard = d.FirstSeen.UTC(), end(heard)
		if d.LastReading, err = lastMeasurement(ctx, tx, number); err != nil {
			return err
		}
		d.Installations, err = list(ctx, tx, scanInstallation, sqlQueryInstallationOfDevice, id)
		return err
	})
	if err != nil {
		return headend.DeviceStatus{}, fmt.Errorf("device: %w", err)
	}
	return d, nil
}

func scanInstallation(row pgx.CollectableRow) (i headend.Installation, err error) {
	var to *time.Time
	err = row.Scan(&i.Device, &i.UsagePoint, &i.From, &to)
	i.From, i.To = i.From.UTC(), end(to)
	return i, err
}
