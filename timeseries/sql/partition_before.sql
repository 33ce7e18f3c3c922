-- Partitions are named <table>_YYYY_MM after their month in UTC.
SELECT c.relname::text
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent IN ('reading'::regclass, 'reading_other'::regclass, 'event'::regclass)
  AND (to_date(right(c.relname, 7), 'YYYY_MM') + INTERVAL '1 month')::timestamp AT TIME ZONE 'UTC' <= $1
ORDER BY 1
