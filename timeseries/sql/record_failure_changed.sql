-- Which of the counts, by their place in the list from 0, say something else than the last version that is stored. What is
-- withdrawn and was never told says nothing. Index: the primary key of failure_count.
SELECT (c.line - 1)::int
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::boolean[], $5::int[], $6::int[], $7::boolean[], $8::boolean[])
  WITH ORDINALITY AS c (id, counted_from, counted_to, short, failures, known, overflow, withdrawn, line)
LEFT JOIN usage_point u ON u.id = c.id
LEFT JOIN LATERAL (
  SELECT f.failures, f.known, f.overflow, f.withdrawn FROM failure_count f
  WHERE f.usage_point = u.number AND f.counted_from = c.counted_from AND f.counted_to = c.counted_to AND f.short = c.short
  ORDER BY f.revision DESC LIMIT 1
) was ON true
WHERE CASE WHEN coalesce(was.withdrawn, true) THEN NOT c.withdrawn
           ELSE (was.failures, was.known, was.overflow, was.withdrawn) IS DISTINCT FROM (c.failures, c.known, c.overflow, c.withdrawn) END
ORDER BY c.line
