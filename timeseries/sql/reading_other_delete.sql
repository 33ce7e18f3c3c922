-- The ANY is what reaches the segments of compressed chunks: a join alone would decompress every meter.
DELETE FROM reading_other r
USING unnest($1::int[], $2::timestamptz[], $3::smallint[]) AS key (meter, time, quantity)
WHERE r.meter = ANY ($1) AND r.meter = key.meter AND r.time = key.time AND r.quantity = key.quantity AND r.time >= $4 AND r.time <= $5
