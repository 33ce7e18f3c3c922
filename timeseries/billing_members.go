package timeseries

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Who owes what is joined once for each change of the registry and kept packed: each hour all of it is read. Members lie by device and
// mostly begin and end together, so that one takes some five bytes, also in memory while they are made.
//
//	version (1), then of each member: device and usage point, as differences (signed varints); what follows (a byte: 1 part, 2 begin,
//	4 end); part, begin and end in µs, as differences (signed varints)

// membersVersion is the first byte of a block of members.
const membersVersion = 1

// blockOfMembers bounds a block, in bytes.
const blockOfMembers = 1 << 20

const (
	newPart = 1 << iota
	newFrom
	newTo
)

// member is an installation, as far as its usage point is there.
type member struct {
	device, point, part int32
	from, to            int64 // µs since 2000; the ends of the range where there is no bound
}

var errMembers = errors.New("a block of who owes cannot be read")

// members joins anew who owes what, if the registry has changed since it was joined.
func (b *billingKeeper) members(ctx context.Context, from time.Time) error {
	var changes int64
	var fresh bool
	err := b.tx.QueryRow(ctx, sqlBillingMembers).Scan(&changes, &fresh)
	if err == nil && !fresh {
		err = b.makeMembers(ctx, from, changes)
	}
	if err != nil {
		return fmt.Errorf("who owes: %w", err)
	}
	return nil
}

func (b *billingKeeper) makeMembers(ctx context.Context, from time.Time, changes int64) error {
	for _, sql := range []string{"TRUNCATE duty_block, duty_part", "SET LOCAL work_mem = '64MB'"} { // what is joined stays in memory
		if _, err := b.tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	blocks, parts, err := b.packMembers(ctx, from)
	if err != nil {
		return err
	}
	for i, block := range blocks {
		if _, err := b.tx.Exec(ctx, sqlBillingMembersWrite, i, block); err != nil {
			return err
		}
	}
	if _, err := b.tx.Exec(ctx, sqlBillingMembersPart, parts.numbers, parts.organisations, parts.gateways, parts.models); err != nil {
		return err
	}
	_, err = b.tx.Exec(ctx, sqlBillingMembersMade, changes)
	return err
}

// dutyParts are the parts, column by column, and their numbers.
type dutyParts struct {
	known                            map[dutyPart]int32
	numbers, organisations, gateways []int32
	models                           []string
}

type dutyPart struct {
	organisation, gateway int32
	model                 string
}

func (p *dutyParts) number(organisation, gateway int32, model []byte) int32 {
	if n, there := p.known[dutyPart{organisation, gateway, string(model)}]; there {
		return n
	}
	n := int32(len(p.numbers) + 1)
	p.known[dutyPart{organisation, gateway, string(model)}] = n
	p.numbers, p.organisations, p.gateways, p.models = append(p.numbers, n), append(p.organisations, organisation), append(p.gateways, gateway), append(p.models, string(model))
	return n
}

func (b *billingKeeper) packMembers(ctx context.Context, from time.Time) (blocks [][]byte, parts dutyParts, err error) {
	parts.known = map[dutyPart]int32{}
	rows, err := b.tx.Query(ctx, sqlBillingMembersMake, from)
	if err != nil {
		return nil, parts, err
	}
	defer rows.Close()
	var former member
	for rows.Next() {
		raw := rows.RawValues()
		m := member{device: rawInt32(raw[0]), point: rawInt32(raw[1]), part: parts.number(rawInt32(raw[2]), rawInt32(raw[3]), raw[4]), from: rawInt64(raw[5]), to: rawInt64(raw[6])}
		n := len(blocks)
		if n == 0 || len(blocks[n-1]) > blockOfMembers {
			blocks, former = append(blocks, []byte{membersVersion}), member{}
			n++
		}
		blocks[n-1], former = m.pack(blocks[n-1], &former), m
	}
	return blocks, parts, rows.Err()
}

// pack appends a member that follows another. Differences of times may overflow, and do so back again.
func (m *member) pack(b []byte, former *member) []byte {
	b = binary.AppendVarint(b, int64(m.device)-int64(former.device))
	b = binary.AppendVarint(b, int64(m.point)-int64(former.point))
	at := len(b)
	b = append(b, 0)
	if m.part != former.part {
		b[at] |= newPart
		b = binary.AppendVarint(b, int64(m.part)-int64(former.part))
	}
	if m.from != former.from {
		b[at] |= newFrom
		b = binary.AppendVarint(b, m.from-former.from)
	}
	if m.to != former.to {
		b[at] |= newTo
		b = binary.AppendVarint(b, m.to-former.to)
	}
	return b
}

// eachMember passes who owes to take. The member is used again.
func (b *billingKeeper) eachMember(ctx context.Context, take func(*member)) error {
	rows, err := b.tx.Query(ctx, sqlBillingMembersRead)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := readMembers(rows.RawValues()[0], take); err != nil {
			return err
		}
	}
	return rows.Err()
}

func readMembers(block []byte, take func(*member)) error {
	if len(block) == 0 || block[0] != membersVersion {
		return fmt.Errorf("%w: its version is not %d", errMembers, membersVersion)
	}
	var m member
	for r := (varints{rest: block[1:]}); len(r.rest) > 0; {
		m.device += int32(r.signed())
		m.point += int32(r.signed())
		flags := r.byte()
		if flags&newPart != 0 {
			m.part += int32(r.signed())
		}
		if flags&newFrom != 0 {
			m.from += r.signed()
		}
		if flags&newTo != 0 {
			m.to += r.signed()
		}
		if r.cut {
			return fmt.Errorf("%w: it ends in the middle of a member", errMembers)
		}
		take(&m)
	}
	return nil
}

// varints reads numbers off the beginning of bytes.
type varints struct {
	rest []byte
	cut  bool // they ended too early
}

func (r *varints) byte() byte {
	if len(r.rest) == 0 {
		r.cut = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *varints) signed() int64 {
	v, n := binary.Varint(r.rest)
	r.cut = r.cut || n <= 0
	r.rest = r.rest[max(n, 0):]
	return v
}

func (r *varints) unsigned() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.cut = r.cut || n <= 0
	r.rest = r.rest[max(n, 0):]
	return v
}
