package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// account is who the server runs as: ourselves, or an unprivileged user when we are root.
type account struct {
	root bool
	name string
	uid  uint32
	gid  uint32
}

func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return &account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.ParseUint(u.Uid, 10, 32)
		gid, errG := strconv.ParseUint(u.Gid, 10, 32)
		if errU != nil || errG != nil {
			continue
		}
		return &account{root: true, name: name, uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("we are root, PostgreSQL refuses root, and there is no user postgres or nobody to run it as")
}

func (a *account) process() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{}
	if a.root {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

func (a *account) own(path string) error {
	if !a.root {
		return nil
	}
	if err := os.Chown(path, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("give %s to user %s: %w", path, a.name, err)
	}
	return nil
}

// reaches tells whether the account can walk to the directory (a clone below /root cannot be reached
// by user postgres).
func (a *account) reaches(dir string) bool {
	if !a.root {
		return true
	}
	cmd := exec.Command("/usr/bin/test", "-x", dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = a.process()
	return cmd.Run() == nil
}

// prepareDir judges the directory, makes it when it is missing and hands it to the account; one that is
// refused stays as it is. Where the account cannot walk to it, the server's files go below
// /var/lib/lastgasp and dir becomes a link to them. fresh says that there is no data in it yet.
func (c *Cluster) prepareDir(dir string) (fresh bool, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, fmt.Errorf("data directory: %w", err)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false, fmt.Errorf("data directory: %w", err)
	}
	if fresh, err = c.judge(real); err != nil {
		return false, err
	}
	if !c.account.reaches(real) {
		if real, err = c.elsewhere(real); err != nil {
			return false, err
		}
		if fresh, err = c.judge(real); err != nil {
			return false, err
		}
	}
	if err := os.Chmod(real, 0o700); err != nil {
		return false, fmt.Errorf("data directory: %w", err)
	}
	return fresh, c.account.own(real)
}

// ourEntries are what this package puts into its directory.
var ourEntries = []string{"data", "password", "postgres.log"}

// judge tells whether a directory is empty or was made by this package, and reads the password where there
// is data. It changes nothing.
func (c *Cluster) judge(dir string) (fresh bool, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, fmt.Errorf("data directory: %w", err)
	}
	for _, e := range entries {
		if !slices.Contains(ourEntries, e.Name()) || e.IsDir() != (e.Name() == "data") {
			return false, fmt.Errorf("%s: %w: it holds %q, which this program has not put there; name an empty or a new directory", dir, ErrNotOurs, e.Name())
		}
	}
	c.data = filepath.Join(dir, "data")
	if fresh, err = c.check(); err != nil {
		return false, err
	}
	err = c.readPassword()
	switch {
	case fresh && errors.Is(err, os.ErrNotExist):
		return true, nil
	case err != nil:
		return false, err
	case fresh && !isPassword(c.password): // ours is there where initdb was cut off
		return false, fmt.Errorf("%s: %w: it holds a file password that this program has not made", dir, ErrNotOurs)
	}
	return fresh, nil
}

func (c *Cluster) elsewhere(dir string) (string, error) {
	sum := sha256.Sum256([]byte(dir))
	target := filepath.Join("/var/lib/lastgasp", hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(target, 0o755); err != nil {
		return "", fmt.Errorf("user %s cannot reach %s, and a place for its files could not be made: %w", c.account.name, dir, err)
	}
	c.say("User %s cannot reach %s: the database lives in %s, linked from there", c.account.name, dir, target)
	if err := os.Remove(dir); err != nil { // only an empty directory goes
		return "", fmt.Errorf("%s: %w: user %s cannot reach it and it is not empty: %w", dir, ErrNotOurs, c.account.name, err)
	}
	if err := os.Symlink(target, dir); err != nil {
		return "", fmt.Errorf("link %s to %s: %w", dir, target, err)
	}
	return target, nil
}
