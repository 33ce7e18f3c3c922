package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"lastgasp/headend"
	"lastgasp/headend/access"
	"lastgasp/timeseries"
)

// auditCommand is `headend audit`: the trail of changes, at the database itself.
type auditCommand struct {
	Export auditExport `cmd:"" help:"Write the whole trail, oldest first, a line of JSON each."`
	Verify auditVerify `cmd:"" help:"Find entries that were changed, removed or moved."`
}

type (
	auditExport struct{}
	auditVerify struct {
		Last string `placeholder:"NUMBER:HASH" help:"An entry that verify printed earlier: it must still be there as it was."`
	}
)

// Run exports the trail.
func (c *auditExport) Run(p *program) error {
	return withDoors(p, func(store *timeseries.Store, _ *access.Doors) error {
		out := json.NewEncoder(p.stdout)
		_, _, err := store.WalkAudit(p.ctx, func(e headend.AuditEntry) error {
			return out.Encode(map[string]any{"number": e.Number, "at": e.At, "who": e.Who, "role": e.Role, "from": e.From, "what": e.What, "target": e.Target,
				"before": e.Before, "after": e.After, "previous": hex.EncodeToString(e.Previous), "hash": hex.EncodeToString(e.Hash)})
		})
		return err
	})
}

// Run verifies the trail.
func (c *auditVerify) Run(p *program) error {
	return withDoors(p, func(store *timeseries.Store, _ *access.Doors) error {
		var check timeseries.AuditCheck
		kept := c.Last == ""
		last, hash, err := store.WalkAudit(p.ctx, func(e headend.AuditEntry) error {
			check.Next(e)
			kept = kept || fmt.Sprintf("%d:%x", e.Number, e.Hash) == c.Last
			return nil
		})
		if err != nil {
			return err
		}
		check.End(last, hash)
		if !kept {
			check.Faults = append(check.Faults, fmt.Sprintf("the entry %s is no longer there as it was", c.Last))
		}
		for _, fault := range check.Faults {
			if _, err := fmt.Fprintln(p.stdout, fault); err != nil {
				return err
			}
		}
		if len(check.Faults) > 0 {
			return fmt.Errorf("the audit trail is not what was written: %d faults in %d entries", len(check.Faults), check.Entries)
		}
		_, err = fmt.Fprintf(p.stdout, "%d entries, none changed, removed or moved\nlast %d:%x\n", check.Entries, last, hash)
		return err
	})
}
