SELECT h.meter, h.time, h.quantity, h.value::text
FROM reading_history h
JOIN (SELECT DISTINCT * FROM unnest($1::int[], $2::timestamptz[]) AS k (meter, time)) AS key
  ON h.meter = key.meter AND h.time = key.time
