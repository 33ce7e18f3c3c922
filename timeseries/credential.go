package timeseries

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// saltBytes is the length of a device secret's random salt.
const saltBytes = 16

func newSalt() []byte {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	return salt
}

// SetDevicePassword gives a device a password in place of the one it had; changed is false where it is the same. This head-end
// refuses the former one when it returns, all others that run on the database when they are told of it, at once. It returns
// *headend.Unknown for a device that is not there, and *headend.BadRequest where a password is of no use.
func (s *Store) SetDevicePassword(ctx context.Context, id headend.DeviceID, password string) (changed bool, err error) {
	if err := headend.ValidateDevicePassword(password); err != nil {
		return false, &headend.BadRequest{Reason: "the password " + err.Error()}
	}
	err = s.change(ctx, func(tx pgx.Tx) error {
		d, err := passwordOf(ctx, tx, id)
		if err != nil {
			return err
		}
		changed = d.hash == nil || subtle.ConstantTimeCompare(hashSecret(d.salt, []byte(password)), d.hash) != 1
		before, after := map[string]string{"password": "none"}, map[string]string{"password": "the same"}
		if d.hash != nil {
			before["password"] = "set"
		}
		if changed {
			after["password"] = "changed"
			salt := newSalt()
			if _, err := tx.Exec(ctx, sqlDeviceSecretWrite, d.number, salt, hashSecret(salt, []byte(password)), id); err != nil {
				return err
			}
		}
		return audit(ctx, tx, "devices/"+string(id), before, after)
	})
	if err != nil {
		return false, fmt.Errorf("password of device %s: %w", id, err)
	}
	if changed {
		if err := s.renewThese(ctx, []headend.DeviceID{id}); err != nil {
			s.log.Warn("changed password of a device not read at once; it is when the database tells of it", slog.Any("error", err))
		}
	}
	return changed, nil
}

// passwordOf locks a device that may be given a password.
func passwordOf(ctx context.Context, tx pgx.Tx, id headend.DeviceID) (d registered, err error) {
	var protocol string
	err = tx.QueryRow(ctx, sqlDeviceSecretLock, id).Scan(&d.number, &d.standing.State, &protocol, &d.salt, &d.hash)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return d, &headend.Unknown{What: "device", ID: string(id)}
	case err != nil:
		return d, err
	case d.standing.State == headend.DeviceRetired:
		return d, &headend.BadRequest{Reason: fmt.Sprintf("%s is retired: it is let in with no password", id)}
	case protocol == "modbus":
		return d, &headend.BadRequest{Reason: fmt.Sprintf("%s is polled by Modbus, which knows no password", id)}
	}
	return d, nil
}

// WhollyDevice returns *headend.Unknown for a device that is not the asker's own alone: a gateway that serves others too, or what
// belongs to others.
func (s *Store) WhollyDevice(ctx context.Context, id headend.DeviceID) error {
	if !headend.PrincipalOf(ctx).Limited() {
		return nil
	}
	err := s.read(ctx, func(tx pgx.Tx) error { return known(ctx, tx, sqlPartWhollyDevice, id) })
	return unlessNil("own device", err)
}

// CredentialsChanged gives a channel that gets a value after passwords of devices have changed and are known here. A value that
// waits stands for all changes since; cancel ends it. What an import changes is told by Changed.
func (s *Store) CredentialsChanged() (changed <-chan struct{}, cancel func()) {
	return s.secrets.add()
}

// renewed are devices whose passwords have changed, until they have been read.
type renewed struct {
	mu   sync.Mutex
	ids  map[headend.DeviceID]bool
	told chan struct{}
}

// mostRenewed is how many changed devices are read one by one: of more the whole registry is.
const mostRenewed = 1000

// add notes a device; "" stands for none.
func (r *renewed) add(ids ...headend.DeviceID) {
	told := r.some()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if id != "" && len(r.ids) <= mostRenewed {
			r.ids[id] = true
		}
	}
	if len(r.ids) == 0 {
		return
	}
	select {
	case told <- struct{}{}:
	default: // it has been said
	}
}

// some gets a value when there are devices to take.
func (r *renewed) some() chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told == nil {
		r.told, r.ids = make(chan struct{}, 1), map[headend.DeviceID]bool{}
	}
	return r.told
}

// take takes the devices; all is true where there were too many to name.
func (r *renewed) take() (ids []headend.DeviceID, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.ids {
		ids = append(ids, id)
	}
	clear(r.ids)
	return ids, len(ids) > mostRenewed
}

// renew reads the passwords that others have changed. After an error they are still to be read.
func (s *Store) renew(ctx context.Context) error {
	ids, all := s.renewed.take()
	var err error
	if all {
		err = s.Reload(ctx)
	} else {
		err = s.renewThese(ctx, ids)
	}
	if err != nil {
		s.renewed.add(ids...)
	}
	return err
}

func (s *Store) renewThese(ctx context.Context, ids []headend.DeviceID) error {
	done, err := s.readingRegistry(ctx)
	if err != nil {
		return err
	}
	defer done()
	found, err := s.loadDevices(ctx, sqlDeviceByIDs, ids)
	if err != nil {
		return err
	}
	s.devices.renew(found)
	s.secrets.tell()
	return nil
}

// renew takes the passwords of devices as they have been read. What else is known of them is left to reading the registry.
func (c *deviceCache) renew(found map[headend.DeviceID]*registered) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, d := range found {
		if former := c.byID[id]; former != nil {
			next := *former
			next.salt, next.hash, next.standing.OwnSecret = d.salt, d.hash, d.hash != nil
			c.byID[id] = &next
		}
	}
}
