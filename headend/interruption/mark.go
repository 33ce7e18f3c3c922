package interruption

// Mark is Snapshot without the ledger: what must be stored with each Advance's Changes by who stores those themselves.
func (d *Detector) Mark() Snapshot {
	from := d.floor
	for i := range d.parts {
		if since := d.parts[i].since; since != unknown {
			from = min(from, since)
		}
	}
	// Whether a meter was heard shortly before an onset is asked for up to six hours back, its rhythm for two days.
	return Snapshot{Now: d.now.time(), NextID: d.nextID, NextRow: d.nextRow, ReplayFrom: from.plus(-48 * 60 * minute).time(), Storm: d.live.storm}
}
