package timeseries

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// longestAudited is how much of what was there before and after an entry keeps, in bytes; of more it keeps the length.
const longestAudited = 64 << 10

// audit adds an entry to the trail in the transaction of a change, where the change is somebody's act. What is done to, and
// what was there before and after, is what the act says where the caller does not. It locks the trail until the transaction
// ends, so it comes last in it.
func audit(ctx context.Context, tx pgx.Tx, target string, before, after any) error {
	act := headend.ActOf(ctx)
	if act == nil {
		return nil
	}
	e := headend.AuditEntry{Who: act.Who, Role: act.Role, From: act.From, What: act.What, Target: act.Target}
	if target != "" {
		e.Target = target
	}
	if before == nil {
		before = act.Before
	}
	if after == nil {
		after = act.After
	}
	var err error
	if e.Before, err = audited(before); err != nil {
		return err
	}
	if e.After, err = audited(after); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, sqlAuditHead).Scan(&e.Number, &e.Previous, &e.At); err != nil {
		return fmt.Errorf("audit trail: %w", err)
	}
	e.Number, e.At = e.Number+1, e.At.UTC().Truncate(time.Microsecond)
	e.Hash = HashAudit(&e)
	if _, err := tx.Exec(ctx, sqlAuditInsert, e.Number, e.At, e.Who, e.Role, e.From, e.What, e.Target, e.Before, e.After, e.Previous, e.Hash); err != nil {
		return fmt.Errorf("audit trail: %w", err)
	}
	act.Entries++
	return nil
}

func audited(what any) (string, error) {
	if what == nil {
		return "", nil
	}
	text, err := json.Marshal(what)
	if err != nil {
		return "", fmt.Errorf("audit trail: %w", err)
	}
	if string(text) == "null" { // a pointer to nothing
		return "", nil
	}
	if len(text) > longestAudited {
		return fmt.Sprintf(`{"bytes":%d,"sha256":"%x"}`, len(text), sha256.Sum256(text)), nil
	}
	return string(text), nil
}

// HashAudit is the hash of an entry: SHA-256 of the hash before it and of every field, each with its length before it, so that
// no two entries give the same bytes.
func HashAudit(e *headend.AuditEntry) []byte {
	h := sha256.New()
	field := func(b []byte) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(b)))
		h.Write(length[:])
		h.Write(b)
	}
	field(e.Previous)
	field(fmt.Appendf(nil, "%d", e.Number))
	field([]byte(e.At.UTC().Format(time.RFC3339Nano)))
	for _, text := range []string{e.Who, string(e.Role), e.From, e.What, e.Target, e.Before, e.After} {
		field([]byte(text))
	}
	return h.Sum(nil)
}

// Audit adds an entry for the act of a context that changed nothing in this store.
func (s *Store) Audit(ctx context.Context) error {
	err := s.transact(ctx, func(tx pgx.Tx) error { return audit(ctx, tx, "", nil, nil) })
	return unlessNil("audit", err)
}

// AuditTrail lists at most so many entries of the trail, newest first, below a number.
func (s *Store) AuditTrail(ctx context.Context, f headend.AuditFilter, before int64, limit int) (found []headend.AuditEntry, err error) {
	err = s.readAll(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanAudit, sqlAuditList, before, limit, f.Who, f.What, f.Target, orNull(f.From), orNull(f.To))
		return err
	})
	return found, unlessNil("audit trail", err)
}

func scanAudit(row pgx.CollectableRow) (e headend.AuditEntry, err error) {
	err = row.Scan(&e.Number, &e.At, &e.Who, &e.Role, &e.From, &e.What, &e.Target, &e.Before, &e.After, &e.Previous, &e.Hash)
	e.At = e.At.UTC()
	return e, err
}

// WalkAudit passes every entry of the trail, oldest first, and returns the number and hash that the store has as the last
// one's. All is of one snapshot.
func (s *Store) WalkAudit(ctx context.Context, pass func(headend.AuditEntry) error) (last int64, hash []byte, err error) {
	const some = 1000
	err = s.readAll(ctx, func(tx pgx.Tx) error {
		for after := int64(-1 << 62); ; {
			found, err := list(ctx, tx, scanAudit, sqlAuditWalk, after, some)
			if err != nil {
				return err
			}
			for i := range found {
				if err := pass(found[i]); err != nil {
					return err
				}
			}
			if len(found) < some {
				break
			}
			after = found[len(found)-1].Number
		}
		return tx.QueryRow(ctx, sqlAuditLast).Scan(&last, &hash)
	})
	return last, hash, unlessNil("audit trail", err)
}

// VerifyAudit follows the trail from its first entry to its last and tells where it is not what was written.
func (s *Store) VerifyAudit(ctx context.Context) (headend.AuditVerdict, error) {
	var check AuditCheck
	last, hash, err := s.WalkAudit(ctx, func(e headend.AuditEntry) error { check.Next(e); return nil })
	if err != nil {
		return headend.AuditVerdict{}, err
	}
	check.End(last, hash)
	return headend.AuditVerdict{Entries: check.Entries, Last: last, Hash: hash, Faults: check.Faults}, nil
}

// AuditCheck follows the trail from its first entry and finds where it is broken.
type AuditCheck struct {
	Entries  int64
	Faults   []string // in words, with the numbers of the entries
	previous []byte
	number   int64
}

// mostFaults bounds what is told of a trail that is broken everywhere.
const mostFaults = 100

// Next looks at the next entry.
func (c *AuditCheck) Next(e headend.AuditEntry) {
	if c.previous == nil {
		c.previous = make([]byte, sha256.Size)
	}
	c.Entries++
	switch {
	case e.Number != c.number+1 && e.Number > c.number:
		c.fault("entries %d to %d are missing", c.number+1, e.Number-1)
	case e.Number <= c.number:
		c.fault("entry %d stands behind entry %d", e.Number, c.number)
	case !bytes.Equal(e.Previous, c.previous):
		c.fault("entry %d does not follow on entry %d: one of the two was put in the place of another", e.Number, c.number)
	}
	if !bytes.Equal(HashAudit(&e), e.Hash) {
		c.fault("entry %d was changed: it is not what was hashed", e.Number)
	}
	c.number, c.previous = e.Number, e.Hash
}

// End looks at what the store has as the last entry.
func (c *AuditCheck) End(last int64, hash []byte) {
	switch {
	case c.number != last:
		c.fault("the trail ends with entry %d, but entry %d was the last one written", c.number, last)
	case last > 0 && !bytes.Equal(hash, c.previous):
		c.fault("entry %d is not the last one that was written", last)
	}
}

func (c *AuditCheck) fault(format string, args ...any) {
	if len(c.Faults) < mostFaults {
		c.Faults = append(c.Faults, fmt.Sprintf(format, args...))
	}
}
