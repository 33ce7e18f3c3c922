-- Signs of life that have become visible since a snapshot. Index: life_sign (stored).
SELECT received, signs
FROM life_sign
WHERE stored >= pg_snapshot_xmin($1::pg_snapshot) AND stored < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(stored, $1::pg_snapshot)
