package main

import (
	"fmt"

	"lastgasp/headend"
	"lastgasp/headend/access"
	"lastgasp/timeseries"
)

// deviceCommand is `headend device`: devices of the registry, at the database itself.
type deviceCommand struct {
	Password devicePassword `cmd:"" help:"Give a device another password; its connections that logged in with the former one are closed."`
}

type devicePassword struct {
	ID           string `arg:"" help:"Of the device."`
	PasswordFile string `placeholder:"FILE" type:"path" help:"The new password, mode 0600 (default: one is made and printed, this once)."`
}

// Run changes a password. Head-ends that run on the database are told.
func (c *devicePassword) Run(p *program) error {
	password, made := "", c.PasswordFile == ""
	if !made {
		var err error
		if password, err = readSecretFile(c.PasswordFile); err != nil {
			return fmt.Errorf("--password-file: %w", err)
		}
		if err := headend.ValidateDevicePassword(password); err != nil {
			return fmt.Errorf("--password-file: the password in %s %w", c.PasswordFile, err)
		}
	}
	return withDoors(p, func(store *timeseries.Store, doors *access.Doors) error {
		if made {
			password = doors.NewPassword()
		}
		changed, err := store.SetDevicePassword(p.acting("device password"), headend.DeviceID(c.ID), password)
		if err != nil {
			return err
		}
		says := "device " + c.ID + " has another password; connections with the former one are being closed"
		switch {
		case made:
			says = "password " + password
		case !changed:
			says = "device " + c.ID + " had this password before; nothing has changed"
		}
		_, err = fmt.Fprintln(p.stdout, says)
		return err
	})
}
