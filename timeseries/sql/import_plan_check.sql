WITH bad AS (
  SELECT DISTINCT ON (line) line, id, reason FROM (
  SELECT line, id, 1 AS rank, format('%s is in line %s already', id, first) AS reason
  FROM (SELECT line, id, first_value(line) OVER (PARTITION BY id ORDER BY line) AS first FROM import_line) d
  WHERE line <> first
  UNION ALL
  SELECT line, id, 2, format('unknown node %s', node)
  FROM import_line l WHERE l.node <> '' AND NOT EXISTS (SELECT FROM node r WHERE r.id = l.node)
  UNION ALL
  SELECT l.line, l.id, 3, format('unknown usage point %s', p.id)
  FROM import_line l, LATERAL (SELECT x.id FROM unnest(l.usage_points) WITH ORDINALITY AS x (id, i) WHERE NOT EXISTS (SELECT FROM usage_point r WHERE r.id = x.id) ORDER BY x.i LIMIT 1) p
  ) b ORDER BY line, rank
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
