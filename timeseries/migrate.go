package timeseries

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// engineFiles shows of the migrations those for every engine and those for one: a file named
// NNN_what.<engine>.sql is for that engine alone, and each engine has one of each number.
type engineFiles struct {
	fs.FS
	engine Engine
}

func (f engineFiles) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(f.FS, name)
	if err != nil {
		return nil, err
	}
	var mine []fs.DirEntry
	for _, entry := range all {
		parts := strings.Split(entry.Name(), ".")
		if len(parts) == 2 || parts[1] == string(f.engine) {
			mine = append(mine, entry)
		}
	}
	return mine, nil
}

// migrateTo brings the schema forward to this program's version. A database that is ahead of the
// program is refused: it was made by a newer one.
func migrateTo(ctx context.Context, conn *pgx.Conn, engine Engine, options Options) error {
	if engine == Timescale {
		if _, err := conn.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS timescaledb"); err != nil {
			return fmt.Errorf("create extension timescaledb (as a superuser: CREATE EXTENSION timescaledb): %w", err)
		}
	}
	m, err := migrate.NewMigrator(ctx, conn, "schema_version")
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	m.Data = map[string]any{"engine": string(engine), "zone": options.Zone, "chunk": fmt.Sprintf("%d seconds", int64(options.Chunk.Seconds()))}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if err := m.LoadMigrations(engineFiles{FS: files, engine: engine}); err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	version, err := m.GetCurrentVersion(ctx)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if int(version) < len(m.Migrations) { // views would keep tables from being changed; they are made anew
		if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS part CASCADE"); err != nil {
			return fmt.Errorf("migrations: %w", err)
		}
	}
	if err := m.Migrate(ctx); err != nil {
		var ahead migrate.BadVersionError
		if errors.As(err, &ahead) {
			return fmt.Errorf("the database was made by a newer version of this program (%w); install that version", err)
		}
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	return nil
}
