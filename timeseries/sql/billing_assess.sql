-- Who has done a duty: counts read success and opens gaps, or lets open ones go on. Slots are bits, the first the lowest. Indexes:
-- reading (time), which is read as far as the slots reach; gap (usage_point, quantity, gap_to). In place of the mark
-- stands the register's column.
WITH seen AS (
  SELECT meter, bit_or(1::bigint << (n - 1)) AS got, bit_or(CASE WHEN received <= ($2::timestamptz[])[n] + $5::interval THEN 1::bigint << (n - 1) ELSE 0 END) AS in_time
  FROM (
    SELECT meter, time, received, width_bucket(time, (SELECT array_agg(t - $4::interval ORDER BY t) FROM unnest($2::timestamptz[]) t)) AS n
    FROM reading
    WHERE time >= $3::timestamptz - $4::interval AND time <= $6::timestamptz + $4::interval AND /*register*/ IS NOT NULL AND quality & $7 = 0
  ) r
  WHERE n > 0 AND time <= ($2::timestamptz[])[n] + $4::interval
  GROUP BY meter
), owed AS MATERIALIZED (
  SELECT m.usage_point, m.part, o.owed, coalesce(s.got, 0) & o.owed AS got, coalesce(s.in_time, 0) & o.owed AS in_time
  FROM duty_member m
  LEFT JOIN seen s ON s.meter = m.device
  CROSS JOIN LATERAL (
    SELECT CASE WHEN m.valid_from < $3 AND m.valid_to >= $6 THEN (1::bigint << cardinality($2::timestamptz[])) - 1
                ELSE (SELECT bit_or(1::bigint << (n - 1)::int) FROM unnest($2::timestamptz[]) WITH ORDINALITY AS t (t, n) WHERE m.valid_from < t AND t <= m.valid_to) END AS owed
  ) o
  WHERE m.valid_from < $6 AND m.valid_to >= $3 AND o.owed <> 0
    AND m.part = ANY (ARRAY(SELECT number FROM duty_part p WHERE p.model = ANY ($8::text[]) OR $9 AND NOT EXISTS (SELECT FROM meter_type t WHERE t.model = p.model)))
), alike AS MATERIALIZED (
  SELECT part, owed, got, in_time, count(*) AS devices FROM owed GROUP BY part, owed, got, in_time
), counted AS (
  INSERT INTO read_success (hour, organisation, gateway, model, schedule, quantity, expected, in_time, late)
  SELECT $10, p.organisation, p.gateway, p.model, $11, $12, sum(bit_count(owed::bit(64)) * devices), sum(bit_count(in_time::bit(64)) * devices), sum(bit_count((got & ~in_time)::bit(64)) * devices)
  FROM alike JOIN duty_part p ON p.number = part GROUP BY p.organisation, p.gateway, p.model
  ON CONFLICT (hour, organisation, gateway, model, schedule, quantity) DO UPDATE SET expected = EXCLUDED.expected, in_time = EXCLUDED.in_time, late = EXCLUDED.late
), run AS (
  SELECT usage_point, ($1::timestamptz[])[min(n)] AS gap_from, ($2::timestamptz[])[max(n)] AS gap_to
  FROM (
    SELECT usage_point, n, n - row_number() OVER (PARTITION BY usage_point ORDER BY n) AS island
    FROM (SELECT usage_point, bit_or(owed & ~got) AS lost FROM owed WHERE owed <> got GROUP BY usage_point) l
    CROSS JOIN generate_series(1, cardinality($2::timestamptz[])) AS n
    WHERE (lost >> (n - 1)) & 1 = 1
  ) b
  GROUP BY usage_point, island
), gone_on AS (
  UPDATE gap g SET gap_to = r.gap_to
  FROM run r WHERE g.usage_point = r.usage_point AND g.quantity = $12 AND g.gap_to = r.gap_from AND g.state = 'open'
  RETURNING r.usage_point, r.gap_from
), opened AS (
  INSERT INTO gap (usage_point, quantity, gap_from, gap_to, state, attempts, opened, changed, next)
  SELECT r.usage_point, $12, r.gap_from, r.gap_to, 'open', 0, $13, $13, $13::timestamptz + $14::interval + $15::interval * ((hashint4(r.usage_point) & 1023) / 1024.0)
  FROM run r
  WHERE NOT EXISTS (SELECT FROM gone_on g WHERE g.usage_point = r.usage_point AND g.gap_from = r.gap_from)
  RETURNING 1
)
SELECT coalesce(sum(devices), 0)::int, coalesce(sum(bit_count(owed::bit(64)) * devices), 0)::int, coalesce(sum(bit_count((owed & ~got)::bit(64)) * devices), 0)::int,
       (SELECT count(*) FROM opened)::int, (SELECT count(*) FROM gone_on)::int
FROM alike
