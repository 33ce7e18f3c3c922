WITH bad AS (
  SELECT DISTINCT ON (line) line, id, reason FROM (
  SELECT line, id, 1 AS rank, format('unknown usage point %s', id) AS reason
  FROM import_line l WHERE NOT EXISTS (SELECT FROM usage_point r WHERE r.id = l.id)
  UNION ALL
  SELECT line, id, 2, format('%s from %s on is in line %s already', id, pg_temp.moment(started), first)
  FROM (SELECT line, id, started, first_value(line) OVER (PARTITION BY id, started ORDER BY line) AS first FROM import_line) d
  WHERE line <> first
  UNION ALL
  SELECT line, id, 3, format('its end %s is in the future', pg_temp.moment(ended)) FROM import_line WHERE ended > now()
  ) b ORDER BY line, rank
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
