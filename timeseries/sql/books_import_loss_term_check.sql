-- Units and metering points that are not there, and points that stand twice. A unit of which a line is refused keeps its
-- former balance: half of one would be wrong.
WITH bad AS (
  SELECT DISTINCT ON (line) line, id, reason FROM (
  SELECT line, id, 1 AS rank, format('unknown node or organisation %s', id) AS reason FROM import_line l
  WHERE NOT EXISTS (SELECT FROM node n WHERE n.id = l.id) AND NOT EXISTS (SELECT FROM organisation o WHERE o.id = l.id)
  UNION ALL
  SELECT line, id, 2, format('unknown usage point or device of a node %s', point) FROM import_line l
  WHERE point <> '' AND NOT EXISTS (SELECT FROM usage_point u WHERE u.id = l.point)
    AND NOT EXISTS (SELECT FROM device d JOIN device_node dn ON dn.device = d.number WHERE d.id = l.point)
  UNION ALL
  SELECT line, id, 3, format('%s %s stands in line %s already', coalesce(nullif(point, ''), 'all below'), register, first)
  FROM (SELECT line, id, point, register, first_value(line) OVER (PARTITION BY id, point, register ORDER BY line) AS first FROM import_line) d
  WHERE line <> first
  UNION ALL
  SELECT line, id, 4, format('line %s about %s is refused', (SELECT min(line) FROM import_refused r WHERE r.id = l.id), id) FROM import_line l
  WHERE EXISTS (SELECT FROM import_refused r WHERE r.id = l.id)
  ) b ORDER BY line, rank
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
