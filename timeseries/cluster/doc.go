// Package cluster runs a private PostgreSQL server: the one `make run` keeps under ./var and the ones
// tests start and kill.
//
// In comes a directory; out goes a running server that listens on a loopback port with a password of
// its own. The package finds the server's programs on the machine, makes the data directory when it
// is empty, takes over a server that still runs in it (its head-end was killed), and runs everything
// as an unprivileged user when we are root, because PostgreSQL refuses root.
//
// Guarantees:
//
//   - A directory it does not understand is refused with a reason. Nothing is ever wiped.
//   - The password is random, in a file with mode 0600 beside the data; the port is on 127.0.0.1 only.
//   - Stop waits until the server has ended.
//
// When the server has TimescaleDB installed, it is preloaded; creating the extension is the store's
// business.
package cluster
