-- Readings of devices in a closed time, by device and time. Index: the primary key (meter, time). In place of the mark
-- stand the columns that are asked for.
SELECT r.meter, r.time, r.received, r.quality, /*columns*/
FROM unnest($1::int[]) AS m (meter) CROSS JOIN LATERAL (
  SELECT * FROM reading WHERE meter = m.meter AND time >= $2 AND time <= $3 ORDER BY time
) r
WHERE /*any*/
