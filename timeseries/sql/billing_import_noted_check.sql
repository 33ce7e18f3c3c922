-- Lines about the same thing twice, devices that are not there, and times at which none of their installations begins or ends.
WITH bad AS (
  SELECT DISTINCT ON (line) line, id, reason FROM (
  SELECT line, id, 1 AS rank, format('stands in line %s already', first) AS reason
  FROM (SELECT line, id, first_value(line) OVER (PARTITION BY id ORDER BY line) AS first FROM import_line) d
  WHERE line <> first
  UNION ALL
  SELECT line, id, 2, format('unknown device %s', device) FROM import_line l
  WHERE NOT EXISTS (SELECT FROM device d WHERE d.id = l.device)
  UNION ALL
  SELECT line, id, 3, format('no installation of %s begins or ends at %s', device, pg_temp.moment(time)) FROM import_line l
  WHERE NOT EXISTS (SELECT FROM device d JOIN installation i ON i.device = d.number WHERE d.id = l.device AND l.time IN (i.valid_from, i.valid_to))
  ) b ORDER BY line, rank
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
