-- What lines refer to has to be there while they are valid.
WITH bad AS (
  SELECT DISTINCT ON (line) line, id, reason FROM (
  SELECT l.line, l.id, 1 AS rank, format('node %s is not valid at any time between %s and %s', l.node, pg_temp.moment(v.valid_from), pg_temp.moment(v.valid_to)) AS reason
  FROM import_line l
  JOIN usage_point e ON e.id = l.id
  JOIN usage_point_version v ON v.usage_point = e.number AND v.valid_from = l.valid_from
  WHERE v.node IS NOT NULL
    AND NOT EXISTS (SELECT FROM node_version r WHERE r.node = v.node AND r.valid_from < v.valid_to AND v.valid_from < r.valid_to)
  UNION ALL
  SELECT l.line, l.id, 2, format('organisation %s is not valid at any time between %s and %s', l.organisation, pg_temp.moment(v.valid_from), pg_temp.moment(v.valid_to))
  FROM import_line l
  JOIN usage_point e ON e.id = l.id
  JOIN usage_point_version v ON v.usage_point = e.number AND v.valid_from = l.valid_from
  WHERE v.organisation IS NOT NULL
    AND NOT EXISTS (SELECT FROM organisation_version r WHERE r.organisation = v.organisation AND r.valid_from < v.valid_to AND v.valid_from < r.valid_to)
  ) b ORDER BY line, rank
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
