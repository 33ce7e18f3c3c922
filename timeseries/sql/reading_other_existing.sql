-- Primary key (meter, time, quantity).
SELECT r.meter, r.time, r.quantity, r.received, r.quality, r.value
FROM unnest($1::int[], $2::timestamptz[], $3::smallint[]) AS key (meter, time, quantity)
JOIN reading_other r ON r.meter = key.meter AND r.time = key.time AND r.quantity = key.quantity
WHERE r.meter = ANY ($1) AND r.time >= $4 AND r.time <= $5
