package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/cluster"
)

// Bounds of what is well.
const (
	clockWarn   = 2 * time.Second
	clockFail   = 30 * time.Second
	backupAge   = 48 * time.Hour
	diskWarn    = 0.15    // of the file system free
	diskFail    = 0.05    // below it PostgreSQL is about to stop
	diskFloor   = 2 << 30 // bytes
	oldestMajor = 15
	setAsideMin = 100 // messages a day that are worth a word
	unheardPart = 0.05
)

func hostPart(name string) string {
	if host, _, err := net.SplitHostPort(name); err == nil {
		return host
	}
	return name
}

// database looks at the database as it is. A private one that does not run is started and stopped again; one that was never made is
// not made.
func (c *checkup) database(ctx context.Context) {
	url := c.config.Database.URL
	if url == "" {
		dir := c.config.Database.PrivateDir
		if _, err := os.Stat(filepath.Join(dir, "data")); err != nil {
			c.add(levelWarn, "database", "there is no private database in "+dir+" yet", "headend serve makes it; for more than a trial set database.url")
			return
		}
		server, err := cluster.Start(ctx, cluster.Options{Dir: dir, Port: c.config.Database.PrivatePort})
		if err != nil {
			c.add(levelFail, "database", fmt.Sprintf("the private one in %s: %v", dir, err), "")
			return
		}
		defer func() {
			stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			if err := server.Release(stopping); err != nil {
				c.add(levelWarn, "database", fmt.Sprintf("the private one was not stopped again: %v", err), "")
			}
		}()
		url = server.URL(privateDatabase)
	}
	asking, cancel := context.WithTimeout(ctx, 2*checkTimeout)
	defer cancel()
	i, err := timeseries.Inspect(asking, url)
	if err != nil {
		c.add(levelFail, "database", fmt.Sprintf("%s: %v", whichDatabase(c.config), err), "is it running, can it be reached from here, do database, name and password exist?")
		return
	}
	c.server(&i)
	c.timescale(&i)
	c.clock(&i)
	c.disk(&i)
	c.schema(&i)
	if i.Made {
		c.backup(&i)
	}
	if i.Made && i.Schema == i.Wanted {
		c.administrators(&i)
		c.field(&i)
	}
}

func (c *checkup) server(i *headend.Inspection) {
	digits := strings.FieldsFunc(i.Server, func(r rune) bool { return r < '0' || r > '9' })
	major, err := strconv.Atoi(strings.Join(digits[:min(1, len(digits))], ""))
	switch {
	case err != nil:
		c.add(levelWarn, "database", fmt.Sprintf("the server calls its version %q, which is not understood", i.Server), fmt.Sprintf("PostgreSQL %d or newer is needed", oldestMajor))
	case major < oldestMajor:
		c.add(levelFail, "database", fmt.Sprintf("PostgreSQL %s is too old", i.Server), fmt.Sprintf("%d or newer is needed", oldestMajor))
	case !i.Durable:
		c.add(levelFail, "database", "fsync or synchronous_commit is off: what was acknowledged to a meter may be lost in a power cut", "set both on in postgresql.conf")
	default:
		c.add(levelOK, "database", fmt.Sprintf("PostgreSQL %s answers in %s and holds %s", i.Server, i.Took.Round(100*time.Microsecond), size(i.Bytes)), "")
	}
	if need := c.config.Database.Connections + 6; i.Connections < need { // lease, listening, an operator's and the server's own
		c.add(levelWarn, "database", fmt.Sprintf("the server takes %d connections, and this head-end alone uses up to %d", i.Connections, need), "raise max_connections, or lower database.connections")
	}
	if i.Superuser && c.config.Database.URL != "" {
		c.add(levelWarn, "database", "the head-end connects as a superuser, which it does not need once TimescaleDB's extension is there", "give it an account that owns its database alone")
	}
}

func (c *checkup) timescale(i *headend.Inspection) {
	engine := i.Engine
	switch {
	case engine == "" && c.config.Database.Engine == "postgres", engine == "postgres":
		c.add(levelOK, "engine", "native partitions (postgres)", "")
	case engine == "timescale" && (!i.Preloaded || i.Installed == ""):
		c.add(levelFail, "engine", "the database was made with TimescaleDB, which is not loaded", "add timescaledb to shared_preload_libraries and restart the server")
	case i.Installed != "" && i.Available != "" && i.Installed != i.Available:
		c.add(levelWarn, "engine", fmt.Sprintf("TimescaleDB %s is in the database, %s on the server", i.Installed, i.Available), "with the head-end stopped, in a fresh session: ALTER EXTENSION timescaledb UPDATE (docs/upgrade.md)")
	case engine == "timescale":
		c.add(levelOK, "engine", "TimescaleDB "+i.Installed, "")
	case i.Available == "":
		c.add(levelWarn, "engine", "the server has no TimescaleDB: the database would be made with native partitions, for good", "install TimescaleDB before the first start, or set database.engine: postgres")
	case !i.Preloaded:
		c.add(levelWarn, "engine", "TimescaleDB is installed and not preloaded: the database would be made with native partitions, for good", "add timescaledb to shared_preload_libraries and restart the server before the first start")
	default:
		c.add(levelOK, "engine", "TimescaleDB "+i.Available+" is ready", "")
	}
	if c.config.Database.Engine != "auto" && engine != "" && c.config.Database.Engine != engine {
		c.add(levelFail, "engine", fmt.Sprintf("database.engine is %s, and the database was made with %s", c.config.Database.Engine, engine), "set database.engine: auto; the engine of a database cannot be changed")
	}
}

func (c *checkup) clock(i *headend.Inspection) {
	ahead := i.Ahead
	if ahead < 0 {
		ahead = -ahead
	}
	says := fmt.Sprintf("the database's clock and this machine's differ by %s", ahead.Round(time.Millisecond))
	const do = "let both follow one time server (chrony, systemd-timesyncd): outages are told apart by seconds"
	switch {
	case ahead > clockFail:
		c.add(levelFail, "clock", says, do)
	case ahead > clockWarn:
		c.add(levelWarn, "clock", says, do)
	default:
		c.add(levelOK, "clock", says, "")
	}
}

func (c *checkup) disk(i *headend.Inspection) {
	var fs syscall.Statfs_t
	if !i.Local || i.DataFolder == "" || syscall.Statfs(i.DataFolder, &fs) != nil {
		c.add(levelOK, "disk", "the database's disk cannot be seen from here: watch it on its own machine", "")
		return
	}
	free, all := int64(fs.Bavail)*fs.Bsize, int64(fs.Blocks)*fs.Bsize
	part := float64(free) / float64(max(all, 1))
	says := fmt.Sprintf("%s free below %s (%.0f %%)", size(free), i.DataFolder, 100*part)
	const do = "make room or shorten database.retain: PostgreSQL stops where it cannot write, and nothing is acknowledged then"
	switch {
	case part < diskFail || free < diskFloor:
		c.add(levelFail, "disk", says, do)
	case part < diskWarn:
		c.add(levelWarn, "disk", says, do)
	default:
		c.add(levelOK, "disk", says, "")
	}
}

func (c *checkup) schema(i *headend.Inspection) {
	switch {
	case !i.Made:
		c.add(levelWarn, "schema", "nothing is in the database yet", "headend migrate, or headend serve, makes it")
	case i.Schema < i.Wanted:
		c.add(levelWarn, "schema", fmt.Sprintf("version %d, and this program brings %d", i.Schema, i.Wanted), "back up, then headend migrate (docs/upgrade.md)")
	case i.Schema > i.Wanted:
		c.add(levelFail, "schema", fmt.Sprintf("version %d was made by a newer program; this one knows %d", i.Schema, i.Wanted), "install that version again")
	default:
		c.add(levelOK, "schema", fmt.Sprintf("version %d, up to date", i.Schema), "")
	}
	if i.Zone != "" && i.Zone != c.config.Zone {
		c.add(levelFail, "schema", fmt.Sprintf("zone is %s, and the database was made for %s", c.config.Zone, i.Zone), "set zone to that; days and months are stored by it")
	}
}

// backup judges by what deploy/backup.sh notes and by the server's archive of its log. Other ways of backing up are not seen.
func (c *checkup) backup(i *headend.Inspection) {
	latest, how := i.Backup, "deploy/backup.sh"
	if i.Archived.After(latest) {
		latest, how = i.Archived, "the archive of the log"
	}
	switch age := c.now.Sub(latest); {
	case latest.IsZero():
		c.add(levelWarn, "backup", "no backup is known: deploy/backup.sh notes its own, and the server's archive is seen; another way is not", "docs/backup-restore.md")
	case age > backupAge:
		c.add(levelWarn, "backup", fmt.Sprintf("the last (%s) is of %s, %d hours ago", how, latest.Format(time.RFC3339), int(age.Hours())), "journalctl -u lastgasp-backup; docs/backup-restore.md")
	default:
		c.add(levelOK, "backup", fmt.Sprintf("the last (%s) is of %s", how, latest.Format(time.RFC3339)), "")
	}
}

func (c *checkup) administrators(i *headend.Inspection) {
	if i.Administrators == 0 {
		c.add(levelWarn, "access", "no administrator of the whole organisation can log in", "headend user add NAME --role administrator, or the first start of headend serve")
		return
	}
	c.add(levelOK, "access", fmt.Sprintf("%d administrators", i.Administrators), "")
}

// field judges what comes in from the meters.
func (c *checkup) field(i *headend.Inspection) {
	switch {
	case i.Devices == 0:
		c.add(levelWarn, "meters", "none is installed at a usage point", "headend import usage-points and devices (docs/import.md)")
	case i.Unheard < 0:
		c.add(levelOK, "meters", fmt.Sprintf("%d installed; which of them were heard could not be counted in 15 s", i.Devices), "")
	case i.Unheard == i.Devices:
		c.add(levelFail, "meters", fmt.Sprintf("of %d installed none has a reading of the last day", i.Devices), "look at the broker, the network to the meters, and the head-end's log")
	case float64(i.Unheard) > unheardPart*float64(i.Devices):
		c.add(levelWarn, "meters", fmt.Sprintf("%d of %d installed have no reading of the last day", i.Unheard, i.Devices), "/api/v1/completeness says where; often one gateway")
	default:
		c.add(levelOK, "meters", fmt.Sprintf("%d installed, %d without a reading of the last day", i.Devices, i.Unheard), "")
	}
	if i.Unassigned > 0 {
		c.add(levelWarn, "meters", fmt.Sprintf("%d devices talk and belong to no usage point", i.Unassigned), "attach them: headend import devices, or the console")
	}
	switch usual := float64(i.SetAsideWeek) / 7; {
	case i.SetAsideDay > setAsideMin && float64(i.SetAsideDay) > 3*usual:
		c.add(levelWarn, "quarantine", fmt.Sprintf("%d messages were set aside in the last day, %.0f a day in the week before", i.SetAsideDay, usual), "/api/v1/quarantine gives the reason of each; after a fix they are replayed")
	default:
		c.add(levelOK, "quarantine", fmt.Sprintf("%d messages wait there, %d of the last day", i.SetAside, i.SetAsideDay), "")
	}
	if i.GivenUp > 0 {
		c.add(levelWarn, "webhooks", fmt.Sprintf("%d deliveries were given up in the last day", i.GivenUp), "/api/v1/webhooks/{number}/deliveries?state=given_up says why")
	}
}

func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	default:
		return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20))
	}
}
