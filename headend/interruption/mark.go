package interruption

// Mark is Snapshot without the ledger: what must be stored with each Advance's Changes.
func (d *Detector) Mark() Snapshot {
	from := d.floor
	for i := range d.parts {
		if l := d.parts[i].ledger; l != nil {
			for _, g := range l.groups {
				from = min(from, g.start)
			}
		}
	}
	// Whether a meter was heard shortly before an onset is asked for up to six hours back, its rhythm for two days.
	return Snapshot{Now: d.now.time(), NextID: d.nextID, NextRow: d.nextRow, ReplayFrom: from.plus(-48 * 60 * minute).time(), Storm: d.live.storm}
}
