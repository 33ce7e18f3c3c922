package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"time"
)

// fieldVariable makes this program be the devices of the Modbus rows, so that the CPU time of the others is not theirs.
const fieldVariable = "LASTGASP_BENCH_FIELD"

// fieldLatency is how long each device takes to reply.
const fieldLatency = 20 * time.Millisecond

// field is a process with ports that answer for every unit.
type field struct {
	command   *exec.Cmd
	input     io.Closer
	addresses []string
}

// startField starts one with so many ports.
func startField(ctx context.Context, ports int) (*field, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f := &field{command: exec.CommandContext(ctx, program)}
	f.command.Env = append(os.Environ(), fmt.Sprintf("%s=%d", fieldVariable, ports))
	f.command.Stderr = os.Stderr
	if f.input, err = f.command.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := f.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := f.command.Start(); err != nil {
		return nil, fmt.Errorf("start the devices: %w", err)
	}
	if err := json.NewDecoder(bufio.NewReader(output)).Decode(&f.addresses); err != nil {
		return nil, errors.Join(fmt.Errorf("addresses of the devices: %w", err), f.stop())
	}
	return f, nil
}

func (f *field) stop() error { return errors.Join(f.input.Close(), f.command.Wait()) }

// beField serves until its input ends. Connections do not wait for each other.
func beField(ports string) error {
	var n int
	if _, err := fmt.Sscan(ports, &n); err != nil {
		return fmt.Errorf("%s=%q: %w", fieldVariable, ports, err)
	}
	addresses := make([]string, n)
	for i := range addresses {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addresses[i] = l.Addr().String()
		go func() { // until the process ends
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go answer(conn)
			}
		}()
	}
	if err := json.NewEncoder(os.Stdout).Encode(addresses); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// answer answers reads of registers until the peer hangs up: in every register the number of seconds that have passed.
func answer(conn net.Conn) {
	defer conn.Close()
	var request [12]byte
	var reply [9 + 250]byte
	for {
		if _, err := io.ReadFull(conn, request[:]); err != nil {
			return
		}
		count := int(binary.BigEndian.Uint16(request[10:]))
		if count < 1 || count > 125 {
			return
		}
		time.Sleep(fieldLatency)
		copy(reply[:], request[:8]) // transaction, protocol, unit, function
		binary.BigEndian.PutUint16(reply[4:], uint16(3+2*count))
		reply[8] = byte(2 * count)
		now := uint16(time.Now().Unix())
		for i := range count {
			binary.BigEndian.PutUint16(reply[9+2*i:], now)
		}
		if _, err := conn.Write(reply[:9+2*count]); err != nil {
			return
		}
	}
}
