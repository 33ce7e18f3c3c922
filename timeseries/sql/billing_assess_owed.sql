-- What members of a duty owe and have brought: those that have brought all together, others with their usage points. Slots are
-- bits, the first the lowest; each opens, closes and is late after times of its own. Index: reading (time), which is read as far
-- as the slots reach. In place of the mark stands the register's column. OFFSET 0 has what stands below it worked out once a row.
WITH seen AS (
  SELECT meter, bit_or(1::bigint << (n - 1)) AS got, bit_or(1::bigint << (n - 1)) FILTER (WHERE received <= ($4::timestamptz[])[n]) AS in_time
  FROM (
    SELECT meter, time, received, width_bucket(time, $2::timestamptz[]) AS n
    FROM reading
    WHERE time >= ($2::timestamptz[])[1] AND time <= ($3::timestamptz[])[cardinality($3::timestamptz[])] AND /*register*/ IS NOT NULL AND quality & $5 = 0
    OFFSET 0
  ) r
  WHERE time <= ($3::timestamptz[])[n]
  GROUP BY meter
), member AS (
  SELECT device, usage_point, part,
    CASE WHEN valid_from < ($1::timestamptz[])[1] AND valid_to >= ($1::timestamptz[])[cardinality($1::timestamptz[])] THEN (1::bigint << cardinality($1::timestamptz[])) - 1
         ELSE (SELECT bit_or(1::bigint << (n - 1)::int) FROM unnest($1::timestamptz[]) WITH ORDINALITY AS t (t, n) WHERE valid_from < t AND t <= valid_to) END AS owed
  FROM duty_member
  WHERE valid_from < ($1::timestamptz[])[cardinality($1::timestamptz[])] AND valid_to >= ($1::timestamptz[])[1]
    AND part IN (SELECT number FROM duty_part p WHERE p.model = ANY ($6::text[]) OR $7 AND NOT EXISTS (SELECT FROM meter_type t WHERE t.model = p.model))
  OFFSET 0
)
INSERT INTO duty_owed (usage_point, part, owed, got, in_time, devices)
SELECT CASE WHEN owed <> got THEN usage_point END, part, owed, got, in_time, count(*)
FROM (
  SELECT m.usage_point, m.part, m.owed, coalesce(s.got, 0) & m.owed AS got, coalesce(s.in_time, 0) & m.owed AS in_time
  FROM member m LEFT JOIN seen s ON s.meter = m.device
  WHERE m.owed <> 0
  OFFSET 0
) o
GROUP BY 1, 2, 3, 4, 5
