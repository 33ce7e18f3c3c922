package timeseries

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"lastgasp/headend"
)

// Engine says how time series are kept on the server.
type Engine string

// The engines. Auto takes Timescale where the server has it ready, else Postgres; a database that has
// been made keeps the engine it was made with.
const (
	Auto      Engine = "auto"
	Timescale Engine = "timescale"
	Postgres  Engine = "postgres"
)

// DefaultZone is the zone in which days and months are cut unless set otherwise.
const DefaultZone = "Asia/Ho_Chi_Minh"

// ErrMismatch says that the configuration asks for something else than the database was made with.
var ErrMismatch = errors.New("the database was made differently")

// Options fix what cannot change once a database is made, and how the store uses it.
type Options struct {
	Engine      Engine        // "" is Auto
	Zone        string        // "" is DefaultZone
	Chunk       time.Duration // length of a hypertable's chunk when the database is made; 0 is 24 h
	Connections int           // most connections at once; 0 is 16
	MaxNew      int           // most devices that may wait unassigned; 0 is 100,000
	Retain      time.Duration // readings and events older than this are dropped, roll-ups stay; 0 keeps all
	Quarantine  time.Duration // messages set aside longer ago than this are dropped; 0 keeps all
	Log         *slog.Logger  // nil is slog.Default()
}

// Store is an open database. It is safe for use from several goroutines.
type Store struct {
	pool       *pgxpool.Pool
	engine     Engine
	zone       string
	log        *slog.Logger
	retain     time.Duration
	quarantine time.Duration
	devices    deviceCache
	quantities quantityCache
	partitions partitionCache
	appenders  sync.Pool
	changes    subscribers // the registry has been read again
	outages    subscribers // outages or the ledger have changed
	evidence   subscribers // a plan or decision has been stored
	webhooks   subscribers // deliveries have been written down

	secrets subscribers   // passwords of devices have changed, and are known here
	renewed renewed       // those that are not yet
	reading chan struct{} // of the registry, by one at a time
}

// Open connects, brings the schema up to date and loads the registry's index. It returns ErrMismatch
// where engine or zone differ from what the database was made with, and pgx's error where the server
// cannot be reached.
func Open(ctx context.Context, url string, options Options) (*Store, error) {
	if options.Zone == "" {
		options.Zone = DefaultZone
	}
	if options.Engine == "" {
		options.Engine = Auto
	}
	if options.Chunk == 0 {
		options.Chunk = 24 * time.Hour
	}
	if options.Connections == 0 {
		options.Connections = 16
	}
	if options.MaxNew == 0 {
		options.MaxNew = 100_000
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	if err := checkZone(options.Zone); err != nil {
		return nil, err
	}
	if options.Retain != 0 && options.Retain < ShortestRetention {
		return nil, fmt.Errorf("readings kept for %s: at least %s are needed, roll-ups of late data are made from them", options.Retain, ShortestRetention)
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", withoutSecret(err))
	}
	config.MaxConns = int32(options.Connections)
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	config.ConnConfig.RuntimeParams["application_name"] = "lastgasp"
	// TimescaleDB's default of 100,000 would refuse late corrections of many meters for ever.
	config.ConnConfig.RuntimeParams["timescaledb.max_tuples_decompressed_per_dml_transaction"] = "0"
	// The server notices within some 10 s that we are gone, also while a transaction of ours holds locks.
	config.ConnConfig.RuntimeParams["tcp_keepalives_idle"] = "4"
	config.ConnConfig.RuntimeParams["tcp_keepalives_interval"] = "2"
	config.ConnConfig.RuntimeParams["tcp_keepalives_count"] = "3"
	config.ConnConfig.RuntimeParams["tcp_user_timeout"] = "10000"
	config.ConnConfig.ConnectTimeout = 10 * time.Second
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("database: %w", withoutSecret(err))
	}
	s := &Store{pool: pool, zone: options.Zone, log: options.Log, retain: options.Retain, quarantine: options.Quarantine, reading: make(chan struct{}, 1)}
	s.devices.maxNew = options.MaxNew
	if err := s.prepare(ctx, options); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context, options Options) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", withoutSecret(err))
	}
	defer conn.Release()
	if s.engine, err = chooseEngine(ctx, conn.Conn(), options); err != nil {
		return err
	}
	if err := migrateTo(ctx, conn.Conn(), s.engine, options); err != nil {
		return err
	}
	if err := s.checkMade(ctx, conn.Conn()); err != nil {
		return err
	}
	if err := s.makeParts(ctx, conn.Conn()); err != nil {
		return err
	}
	return s.Reload(ctx)
}

// Close waits for running statements and closes every connection.
func (s *Store) Close() { s.pool.Close() }

// Engine is the engine the database was made with.
func (s *Store) Engine() Engine { return s.engine }

// Zone is the zone in which this store cuts days and months.
func (s *Store) Zone() string { return s.zone }

// Ready returns nil when the database answers, or why it does not.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("database: %w", withoutSecret(err))
	}
	return nil
}

// chooseEngine keeps the engine of a database that has been made; for a new one it follows the
// options and what the server has.
func chooseEngine(ctx context.Context, conn *pgx.Conn, options Options) (Engine, error) {
	var made *string
	if err := conn.QueryRow(ctx, sqlMadeWith).Scan(&made); err != nil {
		return "", fmt.Errorf("look at the database: %w", err)
	}
	if made != nil {
		var engine Engine
		if err := conn.QueryRow(ctx, sqlSetting, "engine").Scan(&engine); err != nil {
			return "", fmt.Errorf("engine of the database: %w", err)
		}
		if options.Engine != Auto && options.Engine != engine {
			return "", fmt.Errorf("%w: with engine %s, and the configuration says %s; the engine of a database cannot be changed", ErrMismatch, engine, options.Engine)
		}
		return engine, nil
	}
	if options.Engine == Postgres {
		return Postgres, nil
	}
	var installed, preloaded bool
	if err := conn.QueryRow(ctx, sqlTimescaleState).Scan(&installed, &preloaded); err != nil {
		return "", fmt.Errorf("look for TimescaleDB: %w", err)
	}
	switch {
	case installed && preloaded:
		return Timescale, nil
	case options.Engine == Timescale && !installed:
		return "", fmt.Errorf("engine timescale: TimescaleDB is not installed on this server; install it, or set engine: postgres")
	case options.Engine == Timescale:
		return "", fmt.Errorf("engine timescale: TimescaleDB is installed but not loaded; add timescaledb to shared_preload_libraries and restart the server")
	case installed:
		options.Log.Warn("TimescaleDB is installed but not in shared_preload_libraries: this database is made with native partitions and stays so")
	}
	return Postgres, nil
}

func (s *Store) checkMade(ctx context.Context, conn *pgx.Conn) error {
	var zone string
	if err := conn.QueryRow(ctx, sqlSetting, "zone").Scan(&zone); err != nil {
		return fmt.Errorf("zone of the database: %w", err)
	}
	if zone != s.zone {
		return fmt.Errorf("%w: for zone %s, and the configuration says %s; daily figures are stored by that zone", ErrMismatch, zone, s.zone)
	}
	return nil
}

var zoneName = regexp.MustCompile(`^[A-Za-z0-9_+/-]{1,64}$`)

func checkZone(zone string) error {
	if !zoneName.MatchString(zone) {
		return fmt.Errorf("zone %q: not a name of the time zone database, such as %s", zone, DefaultZone)
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return fmt.Errorf("zone %q: %w", zone, err)
	}
	return nil
}

var urlPassword = regexp.MustCompile(`(://[^:@/\s]*:)[^@\s]*@`)

// withoutSecret keeps a password that a driver's error repeats out of logs.
func withoutSecret(err error) error {
	text := err.Error()
	if clean := urlPassword.ReplaceAllString(text, "${1}…@"); clean != text {
		return errors.New(strings.TrimSpace(clean))
	}
	return err
}

// Standing tells what the registry knows of a device; false when it has never been heard of.
func (s *Store) Standing(id headend.DeviceID) (headend.Standing, bool) {
	if d := s.devices.get(id); d != nil {
		return d.standing, true
	}
	return headend.Standing{}, false
}

// Scalar runs a query that gives one text and returns it: for checks from outside, such as tests and
// verifiers that count what is stored.
func (s *Store) Scalar(ctx context.Context, sql string, args ...any) (string, error) {
	var text *string
	if err := s.pool.QueryRow(ctx, sql, args...).Scan(&text); err != nil {
		return "", fmt.Errorf("query: %w", err)
	}
	if text == nil {
		return "", nil
	}
	return *text, nil
}
