UPDATE gap g SET gap_from = n.gap_from, gap_to = n.gap_to, state = n.state, attempts = n.attempts, changed = n.changed, next = n.next
FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::smallint[], $6::timestamptz[], $7::timestamptz[])
  AS n (number, gap_from, gap_to, state, attempts, changed, next)
WHERE g.number = n.number
