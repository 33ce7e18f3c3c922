-- The installations as they would be: a usage point is measured by one meter at a time, and has to be there. Index:
-- installation (usage_point, valid_from).
WITH mine AS (
  SELECT l.line, l.id, i.device, i.usage_point, i.valid_from, i.valid_to
  FROM import_line l
  JOIN device e ON e.id = l.id
  JOIN installation i ON i.device = e.number AND i.valid_from = l.valid_from
  WHERE l.usage_point <> ''
), bad AS (
  SELECT DISTINCT ON (line) line, id, reason FROM (
  SELECT m.line, m.id, 1 AS rank, format('overlapping installation: usage point %s is measured by %s from %s until %s; end that installation first',
         u.id, d.id, pg_temp.moment(o.valid_from), pg_temp.moment(o.valid_to)) AS reason
  FROM mine m
  JOIN installation o ON o.usage_point = m.usage_point AND o.device <> m.device AND o.valid_from < m.valid_to AND m.valid_from < o.valid_to
  JOIN device d ON d.number = o.device
  JOIN usage_point u ON u.number = m.usage_point
  LEFT JOIN mine other ON other.device = o.device AND other.valid_from = o.valid_from
  WHERE other.line IS NULL OR (other.valid_from, other.line) < (m.valid_from, m.line)
  UNION ALL
  SELECT m.line, m.id, 2, format('usage point %s is not valid at any time between %s and %s', u.id, pg_temp.moment(m.valid_from), pg_temp.moment(m.valid_to))
  FROM mine m JOIN usage_point u ON u.number = m.usage_point
  WHERE NOT EXISTS (SELECT FROM usage_point_version r WHERE r.usage_point = m.usage_point AND r.valid_from < m.valid_to AND m.valid_from < r.valid_to)
  ) b ORDER BY line, rank
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
