-- Of a count that is told twice the last holds.
INSERT INTO failure_count (usage_point, counted_from, counted_to, short, revision, failures, known, overflow, withdrawn)
SELECT DISTINCT ON (u.number, c.counted_from, c.counted_to, c.short) u.number, c.counted_from, c.counted_to, c.short, $9, c.failures, c.known, c.overflow, c.withdrawn
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::boolean[], $5::int[], $6::int[], $7::boolean[], $8::boolean[])
  WITH ORDINALITY AS c (id, counted_from, counted_to, short, failures, known, overflow, withdrawn, line)
JOIN usage_point u ON u.id = c.id
ORDER BY u.number, c.counted_from, c.counted_to, c.short, c.line DESC
