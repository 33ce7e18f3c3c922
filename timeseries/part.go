package timeseries

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Who sees a part of the organisation alone is answered by the same statements as everybody, in a transaction in which the
// names of tables mean views: for each table there is one of the same name in the schema part, with the rows of the part that
// the transaction has been limited to. A table that has none is closed: a question for it fails. So no statement can forget
// whom it is asked by, and a new table shows nothing until somebody has said to whom its rows belong, in sql/part_<table>.sql
// and in the list below.
//
// What belongs to the part is decided by the registry as it is now; readings and events by where their device was.

//go:embed sql/part_*.sql
var partFiles embed.FS

// partViews are the views in the order in which they are made: first those that others are made of.
var partViews = []string{
	"own_point", "seen_node", "own_node", "own_device", "own_gateway",
	"organisation", "organisation_version", "node", "node_version", "usage_point", "usage_point_version", "device", "installation", "device_node",
	"reading", "reading_other", "reading_history", "reading_hour", "reading_day", "event",
	"outage", "outage_change", "decision", "interruption", "interruption_former", "plan", "quarantine",
	"metering_device", "gap", "value_version", "finding", "multiplier", "noted_register", "read_success", "billing_run",
}

// partOpen are the tables that belong to nobody and may be seen by all.
var partOpen = []string{"setting", "quantity", "detection", "ledger_revision", "meter_type", "load_profile"}

var (
	//go:embed sql/part_begin.sql
	sqlPartBegin string
	//go:embed sql/part_close.sql
	sqlPartClose string
	//go:embed sql/part_columns.sql
	sqlPartColumns string
	//go:embed sql/part_limit.sql
	sqlPartLimit string
	//go:embed sql/part_lock.sql
	sqlPartLock string
	//go:embed sql/part_missing.sql
	sqlPartMissing string
	//go:embed sql/part_node_refresh.sql
	sqlPartNodeRefresh string
	//go:embed sql/part_wholly.sql
	sqlPartWholly string
	//go:embed sql/part_wholly_device.sql
	sqlPartWhollyDevice string
)

// limit makes a transaction one that sees a part of the organisation alone.
func limit(ctx context.Context, tx pgx.Tx, organisations []string) error {
	if _, err := tx.Exec(ctx, sqlPartLimit, organisations); err != nil {
		return fmt.Errorf("limit to %v: %w", organisations, err)
	}
	return nil
}

// Wholly returns *headend.Unknown for an organisation, node or usage point that is not the asker's own alone: to change
// something there would touch others. Empty ids are passed over; to who sees everything all is its own.
func (s *Store) Wholly(ctx context.Context, organisations, nodes, usagePoints []string) error {
	if !headend.PrincipalOf(ctx).Limited() {
		return nil
	}
	err := s.read(ctx, func(tx pgx.Tx) error {
		return known(ctx, tx, sqlPartWholly, ofNames(organisations), ofNames(nodes), ofNames(usagePoints))
	})
	return unlessNil("own part", err)
}

// WhollyUnit is Wholly for what a report is about: the organisation with an id, or where there is none, the node.
func (s *Store) WhollyUnit(ctx context.Context, id string) error {
	if !headend.PrincipalOf(ctx).Limited() {
		return nil
	}
	err := s.readAll(ctx, func(tx pgx.Tx) error { return known(ctx, tx, sqlOrganisationUnknown, []string{id}) })
	var none *headend.Unknown
	switch {
	case err == nil:
		return s.Wholly(ctx, []string{id}, nil, nil)
	case errors.As(err, &none):
		return s.Wholly(ctx, nil, []string{id}, nil)
	}
	return unlessNil("own part", err)
}

// makeParts makes the views anew where they, or the tables below them, have changed.
func (s *Store) makeParts(ctx context.Context, conn *pgx.Conn) error {
	bodies := make([]string, len(partViews))
	sum := sha256.New()
	for i, name := range partViews {
		text, err := partFiles.ReadFile("sql/part_" + name + ".sql")
		if err != nil {
			return fmt.Errorf("view of a part: %w", err)
		}
		bodies[i] = string(text)
		fmt.Fprintf(sum, "%s\n%s\n", name, text)
	}
	fmt.Fprint(sum, sqlPartBegin, sqlPartClose, partOpen)
	var columns string
	if err := conn.QueryRow(ctx, sqlPartColumns).Scan(&columns); err != nil {
		return fmt.Errorf("columns of the tables: %w", err)
	}
	fmt.Fprint(sum, columns)
	want := fmt.Sprintf("%x", sum.Sum(nil))
	if made, err := partsMade(ctx, conn, want); err != nil || made {
		return err
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	return rollbackAfter(ctx, tx, s.remakeParts(ctx, tx, bodies, want))
}

func partsMade(ctx context.Context, conn *pgx.Conn, want string) (bool, error) {
	var made string
	var missing bool
	if err := conn.QueryRow(ctx, sqlSetting, "parts").Scan(&made); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("views of parts: %w", err)
	}
	if err := conn.QueryRow(ctx, sqlPartMissing).Scan(&missing); err != nil {
		return false, fmt.Errorf("views of parts: %w", err)
	}
	return made == want && !missing, nil
}

func (s *Store) remakeParts(ctx context.Context, tx pgx.Tx, bodies []string, want string) error {
	if _, err := tx.Exec(ctx, sqlPartLock); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlPartBegin); err != nil {
		return fmt.Errorf("schema part: %w", err)
	}
	for i, name := range partViews {
		if _, err := tx.Exec(ctx, "CREATE VIEW part."+name+" AS "+bodies[i]); err != nil {
			return fmt.Errorf("view part.%s: %w", name, err)
		}
	}
	for _, name := range partOpen {
		if _, err := tx.Exec(ctx, "CREATE VIEW part."+name+" AS SELECT * FROM "+name); err != nil {
			return fmt.Errorf("view part.%s: %w", name, err)
		}
	}
	for _, sql := range []string{sqlPartClose, sqlPartNodeRefresh} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("views of parts: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, sqlSettingWrite, "parts", want); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// refreshParts brings organisation_node up to the registry as it is now: versions begin and end without an import.
func (s *Store) refreshParts(ctx context.Context) {
	err := s.transact(ctx, func(tx pgx.Tx) error { return refreshParts(ctx, tx) })
	if err != nil && ctx.Err() == nil {
		s.log.Error("organisations of nodes not brought up to date", slog.Any("error", err))
	}
}

func refreshParts(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, sqlPartLock); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, sqlPartNodeRefresh)
	return err
}
