-- Failures of which only a counter knows, by the later of the two readings, as a revision of the ledger had them. Where a counter
-- of short failures says something of the time, one of all failures does not: they are the same failures. Index: failure_count (counted_to).
WITH held AS (
  SELECT DISTINCT ON (usage_point, counted_from, counted_to, short) usage_point, counted_from, counted_to, short, failures - known AS count, overflow, withdrawn
  FROM failure_count WHERE counted_to >= $1::timestamptz - INTERVAL '40 days' AND counted_from < $2 AND revision <= $3
  ORDER BY usage_point, counted_from, counted_to, short, revision DESC
), stands AS (
  SELECT * FROM held WHERE NOT withdrawn AND count > 0
)
SELECT usage_point, counted_from, counted_to, count, overflow FROM stands a
WHERE counted_to >= $1 AND counted_to < $2
  AND (short OR NOT EXISTS (SELECT FROM stands s WHERE s.short AND s.usage_point = a.usage_point AND s.counted_from < a.counted_to AND s.counted_to > a.counted_from))
ORDER BY usage_point, counted_to, counted_from
