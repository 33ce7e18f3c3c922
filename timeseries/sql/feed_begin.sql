-- The snapshot of this transaction, and whether the cursor is a snapshot this database can have had. Statistics know
-- nothing of what was stored just now, so the planner is told not to read whole tables for it.
SELECT pg_current_snapshot()::text, pg_snapshot_xmax($1::pg_snapshot) <= pg_snapshot_xmax(pg_current_snapshot()), set_config('enable_seqscan', 'off', true)
