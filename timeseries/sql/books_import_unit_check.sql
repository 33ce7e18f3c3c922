-- Lines about the same thing twice, and organisations that are not there.
WITH bad AS (
  SELECT DISTINCT ON (line) line, id, reason FROM (
  SELECT line, id, 1 AS rank, format('stands in line %s already', first) AS reason
  FROM (SELECT line, id, first_value(line) OVER (PARTITION BY id ORDER BY line) AS first FROM import_line) d
  WHERE line <> first
  UNION ALL
  SELECT line, id, 2, format('unknown organisation %s', organisation) FROM import_line l
  WHERE NOT EXISTS (SELECT FROM organisation o WHERE o.id = l.organisation)
  ) b ORDER BY line, rank
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
