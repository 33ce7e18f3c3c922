package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Bounds of a SunSpec map: more blocks than any device has, so that a loop in hostile lengths ends.
const (
	maxBlocks = 64
	endModel  = 0xFFFF
)

var marker = [4]byte{'S', 'u', 'n', 'S'}

// Block is one model block of a SunSpec map.
type Block struct {
	Model   uint16
	Length  uint16 // registers after ID and length
	Address uint16 // of its ID register, on the wire
}

// discover finds the SunSpec map of a unit and lists its blocks.
func discover(ctx context.Context, m *master, unit byte, bases []uint16, timeout time.Duration) ([]Block, error) {
	for _, base := range bases {
		data, err := m.read(ctx, unit, request{readHolding, base, 2}, timeout)
		if err != nil {
			if fault := classify(err); !fault.answered() {
				return nil, fault
			}
			continue // a device may refuse addresses where it has no map
		}
		if [4]byte(data) == marker {
			return chain(ctx, m, unit, int(base)+2, timeout)
		}
	}
	return nil, faultOf(FaultDiscovery, "no SunSpec map at %v", bases)
}

// chain follows the blocks from address on: each names its length, and so where the next one is.
func chain(ctx context.Context, m *master, unit byte, address int, timeout time.Duration) ([]Block, error) {
	var blocks []Block
	for len(blocks) < maxBlocks && address <= 65534 {
		data, err := m.read(ctx, unit, request{readHolding, uint16(address), 2}, timeout)
		if err != nil {
			return blocks, err
		}
		b := Block{Model: binary.BigEndian.Uint16(data), Length: binary.BigEndian.Uint16(data[2:]), Address: uint16(address)}
		if b.Model == endModel {
			return blocks, nil
		}
		blocks = append(blocks, b)
		address += 2 + int(b.Length)
	}
	return blocks, faultOf(FaultDiscovery, "the chain of models does not end: %v", blocks)
}

// locate finds where a profile's registers begin: 0 without SunSpec.
func locate(ctx context.Context, m *master, unit byte, p *Profile, timeout time.Duration) (uint16, error) {
	if p.SunSpec == nil {
		return 0, nil
	}
	blocks, err := discover(ctx, m, unit, p.SunSpec.Bases, timeout)
	for _, b := range blocks { // those before a fault count
		if b.Model == p.SunSpec.Model && b.Length >= p.SunSpec.Length {
			return b.Address, nil
		}
	}
	if err != nil {
		return 0, classify(err)
	}
	var models []string
	for _, b := range blocks {
		models = append(models, fmt.Sprintf("%d (length %d)", b.Model, b.Length))
	}
	return 0, &RequestError{Fault: FaultDiscovery, Cause: errors.Join(errModel, fmt.Errorf("wanted model %d of length %d; the device has %s",
		p.SunSpec.Model, p.SunSpec.Length, strings.Join(models, ", ")))}
}
