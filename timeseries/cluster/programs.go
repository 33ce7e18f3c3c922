package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// ErrNoServer says that no PostgreSQL server program was found on the machine.
var ErrNoServer = errors.New("no PostgreSQL server on this machine; on Debian: apt-get install postgresql")

// OldestMajor is the oldest major version of PostgreSQL the store runs on.
const OldestMajor = 15

// Programs are the server's programs on this machine.
type Programs struct {
	Bin       string // folder with postgres and initdb
	Major     int    // 15, 16, ...
	Timescale bool   // the TimescaleDB library is installed for this server
}

func (p Programs) path(name string) string { return filepath.Join(p.Bin, name) }

// Find looks for a server in Debian's folders, newest first, then on PATH. It returns ErrNoServer, or an
// error that names a server that is too old.
func Find() (Programs, error) {
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return Programs{}, fmt.Errorf("look for PostgreSQL: %w", err)
	}
	sort.Slice(dirs, func(i, j int) bool { return majorOfDir(dirs[i]) > majorOfDir(dirs[j]) })
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	var tooOld error
	for _, dir := range dirs {
		p := Programs{Bin: dir}
		if !executable(p.path("postgres")) || !executable(p.path("initdb")) {
			continue
		}
		if p.Major, err = version(p.path("postgres")); err != nil {
			return Programs{}, err
		}
		if p.Major < OldestMajor {
			tooOld = fmt.Errorf("PostgreSQL %d in %s is too old: %d or newer is needed", p.Major, dir, OldestMajor)
			continue
		}
		p.Timescale = hasTimescale(dir)
		return p, nil
	}
	if tooOld != nil {
		return Programs{}, tooOld
	}
	return Programs{}, ErrNoServer
}

func majorOfDir(dir string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
	if err != nil {
		return 0 // a folder that is not named by a version sorts last
	}
	return n
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0
}

// version reads "postgres (PostgreSQL) 15.20 (Debian ...)".
func version(postgres string) (int, error) {
	out, err := exec.Command(postgres, "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("%s --version: %w", postgres, err)
	}
	for _, word := range strings.Fields(string(out)) {
		major, _, _ := strings.Cut(word, ".")
		if n, err := strconv.Atoi(major); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s --version: no version in %q", postgres, strings.TrimSpace(string(out)))
}

// hasTimescale looks for the preload library where Debian's layout and a source layout keep it.
func hasTimescale(bin string) bool {
	for _, lib := range []string{filepath.Join(bin, "../lib/timescaledb.so"), filepath.Join(bin, "../lib/postgresql/timescaledb.so")} {
		if _, err := os.Stat(lib); err == nil {
			return true
		}
	}
	return false
}
