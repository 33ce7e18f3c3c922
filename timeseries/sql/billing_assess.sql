-- Counts read success, and opens gaps or lets open ones go on. Index: gap (usage_point, quantity, gap_to).
WITH alike AS MATERIALIZED (
  SELECT part, owed, got, in_time, sum(devices) AS devices FROM duty_owed GROUP BY part, owed, got, in_time
), counted AS (
  INSERT INTO read_success (hour, organisation, gateway, model, schedule, quantity, expected, in_time, late)
  SELECT $3, p.organisation, p.gateway, p.model, $4, $5, sum(bit_count(owed::bit(64)) * devices), sum(bit_count(in_time::bit(64)) * devices), sum(bit_count((got & ~in_time)::bit(64)) * devices)
  FROM alike JOIN duty_part p ON p.number = part GROUP BY p.organisation, p.gateway, p.model
  ON CONFLICT (hour, organisation, gateway, model, schedule, quantity) DO UPDATE SET expected = EXCLUDED.expected, in_time = EXCLUDED.in_time, late = EXCLUDED.late
), run AS (
  SELECT usage_point, ($1::timestamptz[])[min(n)] AS gap_from, ($2::timestamptz[])[max(n)] AS gap_to
  FROM (
    SELECT usage_point, n, n - row_number() OVER (PARTITION BY usage_point ORDER BY n) AS island
    FROM (SELECT usage_point, bit_or(owed & ~got) AS lost FROM duty_owed WHERE usage_point IS NOT NULL GROUP BY usage_point) l
    CROSS JOIN generate_series(1, cardinality($2::timestamptz[])) AS n
    WHERE (lost >> (n - 1)) & 1 = 1
  ) b
  GROUP BY usage_point, island
), matched AS MATERIALIZED (
  SELECT r.usage_point, r.gap_from, r.gap_to, g.number
  FROM run r LEFT JOIN gap g ON g.usage_point = r.usage_point AND g.quantity = $5 AND g.gap_to = r.gap_from AND g.state = 'open'
), gone_on AS (
  UPDATE gap g SET gap_to = m.gap_to FROM matched m WHERE g.number = m.number
  RETURNING 1
), opened AS (
  INSERT INTO gap (usage_point, quantity, gap_from, gap_to, state, attempts, opened, changed, next)
  SELECT m.usage_point, $5, m.gap_from, m.gap_to, 'open', 0, $6, $6, $6::timestamptz + $7::interval + $8::interval * ((hashint4(m.usage_point) & 1023) / 1024.0)
  FROM matched m WHERE m.number IS NULL
  RETURNING 1
)
SELECT coalesce(sum(devices), 0)::int, coalesce(sum(bit_count(owed::bit(64)) * devices), 0)::int, coalesce(sum(bit_count((owed & ~got)::bit(64)) * devices), 0)::int,
       (SELECT count(*) FROM opened)::int, (SELECT count(*) FROM gone_on)::int
FROM alike
