package main

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
)

// answering serves one Modbus TCP unit whose every register holds 2301, and returns host:port.
func answering(t *testing.T, unit byte) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serveRegisters(conn, unit)
		}
	}()
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return listener.Addr().String()
}

func serveRegisters(conn net.Conn, unit byte) {
	defer conn.Close()
	request := make([]byte, 12)
	for {
		if _, err := io.ReadFull(conn, request); err != nil {
			return
		}
		if request[6] != unit {
			continue
		}
		count := binary.BigEndian.Uint16(request[10:])
		reply := append(request[:4:4], 0, 0, unit, request[7], byte(2*count))
		for range count {
			reply = binary.BigEndian.AppendUint16(reply, 2301)
		}
		binary.BigEndian.PutUint16(reply[4:], uint16(len(reply)-6))
		if _, err := conn.Write(reply); err != nil {
			return
		}
	}
}

func TestModbusCommands(t *testing.T) {
	inEmptyDir(t)
	address := "tcp://" + answering(t, 3)
	for name, c := range map[string]struct {
		args   []string
		status int
		out    string
		err    string
	}{
		"profiles":        {[]string{"modbus", "profiles"}, exitDone, "sel_751a", ""},
		"read":            {[]string{"modbus", "read", address, "--profile", "orno_we504", "--unit", "3"}, exitDone, "v1          230.1", ""},
		"read, no unit":   {[]string{"modbus", "read", address, "--profile", "orno_we504"}, exitFailed, "", "no unit"},
		"read, no model":  {[]string{"modbus", "read", address, "--profile", "x", "--unit", "3"}, exitFailed, "", `no profile "x"`},
		"read, in doubt":  {[]string{"modbus", "read", address + "?unit=3", "--profile", "basler_be1_851_partial"}, exitDone, "i1", "Word order"},
		"read, not there": {[]string{"modbus", "read", "tcp://127.0.0.1:1", "--profile", "orno_we504", "--unit", "3"}, exitFailed, "", "connect"},
		"scan":            {[]string{"modbus", "scan", address, "--from", "2", "--to", "4", "--timeout", "100ms"}, exitDone, "unit 3: registers", "1 units answered, of 3 asked"},
		"no folder":       {[]string{"modbus", "profiles", "--profiles", "gone"}, exitFailed, "", "gone"},
	} {
		status, out, errs := command(t, nil, c.args...)
		if status != c.status || !strings.Contains(out, c.out) || !strings.Contains(errs, c.err) {
			t.Errorf("%s: status %d\n%s\n%s", name, status, out, errs)
		}
	}
}
