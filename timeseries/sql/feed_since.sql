AND stored >= pg_snapshot_xmin($1::pg_snapshot) AND stored < pg_snapshot_xmax(pg_current_snapshot())
AND NOT pg_visible_in_snapshot(stored, $1::pg_snapshot)
