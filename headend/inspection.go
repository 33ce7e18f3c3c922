package headend

import "time"

// Inspection is what can be said of a database from outside, without changing anything in it.
type Inspection struct {
	Server         string        // version of PostgreSQL
	Took           time.Duration // of the first answer
	Ahead          time.Duration // of its clock before ours
	Connections    int           // most that it takes
	Durable        bool          // fsync and synchronous_commit: what is committed survives a power cut
	DataFolder     string        // "" where we may not know
	Local          bool          // it runs on this machine
	Bytes          int64         // size of this database
	Superuser      bool          // we are one, which nothing needs
	Preloaded      bool          // TimescaleDB is in shared_preload_libraries
	Available      string        // version of TimescaleDB on the server; "" for none
	Installed      string        // version in this database; "" for none
	Made           bool          // the store has been made in it
	Engine         string        // it was made with
	Zone           string        // it was made with
	Schema         int           // version of the schema; 0: none
	Wanted         int           // version this program brings
	Backup         time.Time     // the last that deploy/backup.sh noted; zero: none
	Archived       time.Time     // the last segment of the log that the server archived; zero: none, or not known
	Administrators int           // of everything, who may log in
	Devices        int           // that are installed
	Unassigned     int           // devices that nobody has attached
	Unheard        int           // of those installed, without a reading in the last day; -1: not counted in time
	SetAside       int           // messages in quarantine that were not replayed
	SetAsideDay    int           // of the last 24 hours
	SetAsideWeek   int           // of the seven days before
	GivenUp        int           // deliveries to webhooks in the last 24 hours
}
