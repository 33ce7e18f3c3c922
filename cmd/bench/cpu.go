package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the kernel's unit of CPU time in /proc.
const tick = 10 * time.Millisecond

// cpuOf is the CPU time a process has used, with its living children's and that of those it has waited for.
func cpuOf(pid int) (time.Duration, error) {
	own, err := statOf(pid)
	if err != nil {
		return 0, fmt.Errorf("CPU of process %d: %w", pid, err)
	}
	total := own.used
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, fmt.Errorf("processes: %w", err)
	}
	for _, path := range paths {
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if s, err := statOf(child); err == nil && s.parent == pid { // one that has ended is in its parent's sum
			total += s.used
		}
	}
	return total, nil
}

type stat struct {
	parent int
	used   time.Duration
}

// statOf reads /proc/PID/stat: after the name in brackets come state, parent, ... utime stime cutime cstime as
// the 12th to 15th field.
func statOf(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 15 {
		return stat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return stat{}, err
	}
	var ticks int64
	for _, field := range fields[11:15] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return stat{}, err
		}
		ticks += n
	}
	return stat{parent: parent, used: time.Duration(ticks) * tick}, nil
}
