package timeseries

import (
	"context"
	_ "embed" // statements
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

var (
	//go:embed sql/inspect_server.sql
	sqlInspectServer string
	//go:embed sql/inspect_folder.sql
	sqlInspectFolder string
	//go:embed sql/inspect_made.sql
	sqlInspectMade string
	//go:embed sql/inspect_field.sql
	sqlInspectField string
	//go:embed sql/inspect_given_up.sql
	sqlInspectGivenUp string
	//go:embed sql/inspect_unheard.sql
	sqlInspectUnheard string
)

// Inspect looks at a database and changes nothing. An error means that it cannot be reached, or asked. What belongs to a schema
// that is not there yet stays empty.
func Inspect(ctx context.Context, url string) (i headend.Inspection, err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return i, fmt.Errorf("database URL: %w", withoutSecret(err))
	}
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["application_name"] = "lastgasp check"
	config.RuntimeParams["default_transaction_read_only"] = "on"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return i, withoutSecret(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if i.Wanted, err = schemaWanted(); err != nil {
		return i, err
	}
	if err := conn.Ping(ctx); err != nil {
		return i, err
	}
	begin := time.Now()
	var now time.Time
	if err := conn.QueryRow(ctx, sqlInspectServer).Scan(&i.Server, &now, &i.Connections, &i.Durable, &i.DataFolder, &i.Local, &i.Bytes, &i.Superuser,
		&i.Preloaded, &i.Available, &i.Installed, &i.Made); err != nil {
		return i, err
	}
	i.Took = time.Since(begin)
	i.Ahead = now.Sub(begin.Add(i.Took / 2))
	if err := conn.QueryRow(ctx, sqlInspectFolder).Scan(&i.DataFolder); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return i, err
	}
	if !i.Made {
		return i, nil
	}
	return i, inspectMade(ctx, conn, &i)
}

func inspectMade(ctx context.Context, conn *pgx.Conn, i *headend.Inspection) error {
	var backup, archived *time.Time
	if err := conn.QueryRow(ctx, sqlInspectMade).Scan(&i.Schema, &i.Engine, &i.Zone, &backup, &archived); err != nil {
		return err
	}
	i.Backup, i.Archived = end(backup), end(archived)
	if i.Schema < i.Wanted {
		return nil // what is asked next may not be there
	}
	if err := conn.QueryRow(ctx, sqlInspectField).Scan(&i.Devices, &i.Unassigned, &i.SetAside, &i.SetAsideDay, &i.SetAsideWeek); err != nil {
		return err
	}
	if err := conn.QueryRow(ctx, sqlAccountAdministrators).Scan(&i.Administrators); err != nil {
		return err
	}
	if err := conn.QueryRow(ctx, sqlInspectGivenUp).Scan(&i.GivenUp); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "SET statement_timeout = '15s'"); err != nil {
		return err
	}
	switch err := conn.QueryRow(ctx, sqlInspectUnheard).Scan(&i.Unheard); {
	case sqlState(err) == "57014":
		i.Unheard = -1
	case err != nil:
		return err
	}
	return nil
}

// schemaWanted is the number of the last migration.
func schemaWanted() (last int, err error) {
	files, err := fs.ReadDir(migrations, "migrations")
	for _, f := range files {
		if n, err := strconv.Atoi(f.Name()[:3]); err == nil {
			last = max(last, n)
		}
	}
	return last, err
}
