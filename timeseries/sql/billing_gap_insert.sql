INSERT INTO gap (usage_point, quantity, gap_from, gap_to, state, attempts, opened, changed, next)
SELECT u.number, n.quantity, n.gap_from, n.gap_to, n.state, n.attempts, n.opened, n.changed, n.next
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::smallint[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[])
  AS n (usage_point, quantity, gap_from, gap_to, state, attempts, opened, changed, next)
JOIN usage_point u ON u.id = n.usage_point
