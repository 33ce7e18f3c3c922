-- Lines about the same thing twice.
WITH bad AS (
  SELECT line, id, format('stands in line %s already', first) AS reason
  FROM (SELECT line, id, first_value(line) OVER (PARTITION BY id ORDER BY line) AS first FROM import_line) d
  WHERE line <> first
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
