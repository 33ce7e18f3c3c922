-- The tree as it would be: walks up from each line's version, at every time it is valid.
WITH RECURSIVE up AS (
  SELECT l.line, l.id, v.node AS start, v.parent AS at, v.valid_from, v.valid_to, l.id || ' > ' || l.parent AS path, 1 AS depth
  FROM import_line l
  JOIN node e ON e.id = l.id
  JOIN node_version v ON v.node = e.number AND v.valid_from = l.valid_from
  WHERE v.parent IS NOT NULL
  UNION ALL
  SELECT up.line, up.id, up.start, v.parent, greatest(up.valid_from, v.valid_from), least(up.valid_to, v.valid_to),
         up.path || ' > ' || p.id, up.depth + 1
  FROM up
  JOIN node_version v ON v.node = up.at AND v.valid_from < up.valid_to AND up.valid_from < v.valid_to
  JOIN node p ON p.number = v.parent
  WHERE up.at <> up.start AND up.depth < 32
), bad AS (
  SELECT DISTINCT ON (line) line, id, reason FROM (
  SELECT line, id, 1 AS rank, 'is its own ancestor: ' || path AS reason FROM up WHERE at = start
  UNION ALL
  SELECT line, id, 2, 'has more than 32 levels above it: ' || left(path, 200) FROM up WHERE depth >= 32
  UNION ALL
  SELECT l.line, l.id, 3, format('parent %s is not valid at any time between %s and %s', l.parent, pg_temp.moment(v.valid_from), pg_temp.moment(v.valid_to))
  FROM import_line l
  JOIN node e ON e.id = l.id
  JOIN node_version v ON v.node = e.number AND v.valid_from = l.valid_from
  WHERE v.parent IS NOT NULL
    AND NOT EXISTS (SELECT FROM node_version r WHERE r.node = v.parent AND r.valid_from < v.valid_to AND v.valid_from < r.valid_to)
  UNION ALL
  SELECT l.line, l.id, 4, format('organisation %s is not valid at any time between %s and %s', l.organisation, pg_temp.moment(v.valid_from), pg_temp.moment(v.valid_to))
  FROM import_line l
  JOIN node e ON e.id = l.id
  JOIN node_version v ON v.node = e.number AND v.valid_from = l.valid_from
  WHERE v.organisation IS NOT NULL
    AND NOT EXISTS (SELECT FROM organisation_version r WHERE r.organisation = v.organisation AND r.valid_from < v.valid_to AND v.valid_from < r.valid_to)
  ) b ORDER BY line, rank
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
