-- The ANY is what reaches the segments of compressed chunks: a join alone would decompress every meter.
DELETE FROM reading r
USING unnest($1::int[], $2::timestamptz[]) AS key (meter, time)
WHERE r.meter = ANY ($1) AND r.meter = key.meter AND r.time = key.time AND r.time >= $3 AND r.time <= $4
