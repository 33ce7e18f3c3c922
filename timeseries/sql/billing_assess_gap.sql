-- Opens gaps, or lets open ones go on. Index: gap (usage_point, quantity, gap_to).
WITH matched AS MATERIALIZED (
  SELECT r.usage_point, r.gap_from, r.gap_to, g.number
  FROM unnest($1::int[], $2::timestamptz[], $3::timestamptz[]) AS r (usage_point, gap_from, gap_to)
  LEFT JOIN gap g ON g.usage_point = r.usage_point AND g.quantity = $4 AND g.gap_to = r.gap_from AND g.state = 'open'
), gone_on AS (
  UPDATE gap g SET gap_to = m.gap_to FROM matched m WHERE g.number = m.number
  RETURNING 1
), opened AS (
  INSERT INTO gap (usage_point, quantity, gap_from, gap_to, state, attempts, opened, changed, next)
  SELECT m.usage_point, $4, m.gap_from, m.gap_to, 'open', 0, $5, $5, $5::timestamptz + $6::interval + $7::interval * ((hashint4(m.usage_point) & 1023) / 1024.0)
  FROM matched m WHERE m.number IS NULL
  RETURNING 1
)
SELECT (SELECT count(*) FROM opened)::int, (SELECT count(*) FROM gone_on)::int
