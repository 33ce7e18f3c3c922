DELETE FROM reading r
USING unnest($1::int[], $2::timestamptz[]) AS key (meter, time)
WHERE r.meter = key.meter AND r.time = key.time AND r.time >= $3 AND r.time <= $4
