-- What each member of a duty owes and has brought. Slots are bits, the first the lowest. Index: reading (time), which is read as
-- far as the slots reach. In place of the mark stands the register's column.
WITH seen AS (
  SELECT meter, bit_or(1::bigint << (n - 1)) AS got, bit_or(CASE WHEN received <= ($1::timestamptz[])[n] + $4::interval THEN 1::bigint << (n - 1) ELSE 0 END) AS in_time
  FROM (
    SELECT meter, time, received, width_bucket(time, (SELECT array_agg(t - $3::interval ORDER BY t) FROM unnest($1::timestamptz[]) t)) AS n
    FROM reading
    WHERE time >= $2::timestamptz - $3::interval AND time <= $5::timestamptz + $3::interval AND /*register*/ IS NOT NULL AND quality & $6 = 0
  ) r
  WHERE n > 0 AND time <= ($1::timestamptz[])[n] + $3::interval
  GROUP BY meter
)
INSERT INTO duty_owed (usage_point, part, owed, got, in_time)
SELECT m.usage_point, m.part, o.owed, coalesce(s.got, 0) & o.owed AS got, coalesce(s.in_time, 0) & o.owed AS in_time
FROM duty_member m
LEFT JOIN seen s ON s.meter = m.device
CROSS JOIN LATERAL (
  SELECT CASE WHEN m.valid_from < $2 AND m.valid_to >= $5 THEN (1::bigint << cardinality($1::timestamptz[])) - 1
              ELSE (SELECT bit_or(1::bigint << (n - 1)::int) FROM unnest($1::timestamptz[]) WITH ORDINALITY AS t (t, n) WHERE m.valid_from < t AND t <= m.valid_to) END AS owed
) o
WHERE m.valid_from < $5 AND m.valid_to >= $2 AND o.owed <> 0
  AND m.part = ANY (ARRAY(SELECT number FROM duty_part p WHERE p.model = ANY ($7::text[]) OR $8 AND NOT EXISTS (SELECT FROM meter_type t WHERE t.model = p.model)))
