-- Events that have become visible since a snapshot. Index: event (stored).
SELECT device, coalesce(gateway, 0), time, type, seq, detail, duration, phases, quality, received
FROM event
WHERE stored >= pg_snapshot_xmin($1::pg_snapshot) AND stored < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(stored, $1::pg_snapshot)
