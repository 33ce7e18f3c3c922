package api

import (
	"context"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// DeviceCredential is what has become of the password of a device.
type DeviceCredential struct {
	Device   string `json:"device" example:"EM24-000123"`
	Changed  bool   `json:"changed" doc:"false: it had this password before, and its connections stay"`
	Password string `json:"password,omitempty" doc:"made by the head-end and shown this once; absent: it was given" example:"k7m2p-x9wqd-4tznc-h3vfa"`
}

type deviceCredentialInput struct {
	ByID
	Body *struct {
		Password string `json:"password,omitempty" maxLength:"1024" doc:"16 characters at least, of a random generator; default: the head-end makes one"`
	}
}

// setDeviceCredential changes a device's password. Who sees a part of the organisation does so for devices that are of it alone.
func (a *API) setDeviceCredential(ctx context.Context, in *deviceCredentialInput) (*struct{ Body DeviceCredential }, error) {
	d, err := a.options.Store.Device(ctx, headend.DeviceID(in.ID))
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	if err := a.options.Store.WhollyDevice(ctx, d.ID); unknownOf(err) != nil {
		return nil, huma.Error403Forbidden(fmt.Sprintf("device %s reaches beyond your part of the organisation: somebody who sees all of it has to do this", d.ID))
	} else if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := DeviceCredential{Device: string(d.ID)}
	password := ""
	if in.Body != nil {
		password = in.Body.Password
	}
	if password == "" {
		password = a.options.Access.NewPassword()
		out.Password = password
	} else if err := headend.ValidateDevicePassword(password); err != nil {
		return nil, invalid("body.password", nil, "the password "+err.Error()) // which is not repeated
	}
	if out.Changed, err = a.options.Store.SetDevicePassword(ctx, d.ID, password); err != nil {
		return nil, a.bookProblem(ctx, err)
	}
	return &struct{ Body DeviceCredential }{out}, nil
}
