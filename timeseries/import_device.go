package timeseries

import (
	"context"
	"crypto/subtle"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// ImportDevices brings devices and their installations in. A device in several lines has been installed
// in several places, one after the other; an installation with a later From closes an open one. An
// unassigned or retired device that a line names is active afterwards, unless the line ends it (no usage
// point and a To that has passed), which retires it. Passwords are stored salted and hashed only.
func (s *Store) ImportDevices(ctx context.Context, lines iter.Seq2[headend.Line[headend.DeviceRow], error], options ImportOptions) (headend.Imported, error) {
	r := &registryImport{options: options, kind: registryKind{
		name: "device", stage: sqlImportDeviceStage,
		columns: []string{"line", "id", "kind", "protocol", "address", "profile", "gateway", "usage_point", "node", "valid_from", "valid_to"},
		check:   sqlImportDeviceCheck,
		write:   []string{sqlImportDeviceNew, sqlImportDeviceWrite, sqlImportInstallationWrite, sqlImportDeviceNodeWrite},
		verify:  []string{sqlImportDeviceVerify},
	}}
	secrets := deviceSecrets{}
	r.between = secrets.write
	return s.importRegistry(ctx, r, stagedRows(r, lines, func(l headend.Line[headend.DeviceRow]) []any {
		d := l.Row.Device
		if first, ok := secrets.add(string(d.ID), l.Number, l.Row.Password); !ok {
			r.refused = append(r.refused, headend.RefusedLine{Line: l.Number, ID: string(d.ID),
				Reason: fmt.Sprintf("line %d gives this device another password", first)})
			return nil
		}
		return []any{l.Number, string(d.ID), string(d.Kind), d.Protocol, d.Address, d.Profile, string(d.Gateway),
			l.Row.UsagePoint, l.Row.Device.Node, validFrom(l.Row.From), validTo(l.Row.To)}
	}))
}

// deviceSecrets are the passwords of a file, by device.
type deviceSecrets map[string]deviceSecret

type deviceSecret struct {
	line     int
	password string
}

// add returns false, with the line that came first, when a device is given two passwords.
func (d deviceSecrets) add(id string, line int, password string) (first int, ok bool) {
	if password == "" {
		return 0, true
	}
	if known, there := d[id]; there && known.password != password {
		return known.line, false
	} else if !there {
		d[id] = deviceSecret{line: line, password: password}
	}
	return 0, true
}

// write hashes the passwords that differ from what is stored. They never leave the process themselves.
func (d deviceSecrets) write(ctx context.Context, tx pgx.Tx) error {
	if len(d) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, sqlImportSecretStored)
	if err != nil {
		return fmt.Errorf("stored secrets: %w", err)
	}
	var number, line int
	var id string
	var salt, hash []byte
	var changed [][]any
	_, err = pgx.ForEachRow(rows, []any{&number, &id, &line, &salt, &hash}, func() error {
		secret, ok := d[id]
		if !ok || hash != nil && subtle.ConstantTimeCompare(hashSecret(salt, []byte(secret.password)), hash) == 1 {
			return nil
		}
		fresh := newSalt()
		changed = append(changed, []any{number, fresh, hashSecret(fresh, []byte(secret.password))})
		return nil
	})
	if err != nil {
		return fmt.Errorf("stored secrets: %w", err)
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"import_secret"}, []string{"number", "salt", "hash"}, pgx.CopyFromRows(changed)); err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlImportSecretWrite); err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	return nil
}
