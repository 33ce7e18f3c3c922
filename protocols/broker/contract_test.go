package broker

import (
	"context"
	"testing"

	"lastgasp/headend"
	"lastgasp/protocols/drivertest"
)

// passwords is an Access by table; a device's user name is its id.
type passwords map[string]Identity

func (p passwords) Authenticate(_ context.Context, l Login) (Identity, error) {
	id, ok := p[l.Username]
	if !ok || string(l.Password) != "secret" {
		return Identity{}, ErrDenied
	}
	return id, nil
}

// anybody lets every user name in as the device of that name.
type anybody struct{}

func (anybody) Authenticate(_ context.Context, l Login) (Identity, error) {
	return Identity{Device: headend.DeviceID(l.Username)}, nil
}

func TestContract(t *testing.T) {
	drivertest.Run(t, func(f *drivertest.Field) drivertest.Setup {
		b, err := New(Config{Listen: "127.0.0.1:0", InFlight: 64, BatchMessages: 100}, f.Decoder, anybody{})
		if err != nil {
			f.T.Fatal(err)
		}
		return drivertest.Setup{
			Driver: b,
			Ready: func(ctx context.Context) error {
				select {
				case <-b.Started():
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			},
			Device:   func(id headend.DeviceID) drivertest.Device { return newDevice(f, id, b.Addr) },
			InFlight: 64,
		}
	})
}
