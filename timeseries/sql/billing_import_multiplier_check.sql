-- Usage points that are not there, and multipliers of one that overlap. One of which a line is refused keeps its former ones.
WITH bad AS (
  SELECT DISTINCT ON (line) line, id, reason FROM (
  SELECT line, id, 1 AS rank, format('unknown usage point %s', id) AS reason FROM import_line l
  WHERE NOT EXISTS (SELECT FROM usage_point u WHERE u.id = l.id)
  UNION ALL
  SELECT line, id, 2, format('overlaps line %s, which is valid until %s', former, pg_temp.moment(until))
  FROM (SELECT line, id, valid_from, lag(valid_to) OVER w AS until, lag(line) OVER w AS former FROM import_line WINDOW w AS (PARTITION BY id ORDER BY valid_from, line)) d
  WHERE until > valid_from
  UNION ALL
  SELECT line, id, 3, format('line %s about %s is refused', (SELECT min(line) FROM import_refused r WHERE r.id = l.id), id) FROM import_line l
  WHERE EXISTS (SELECT FROM import_refused r WHERE r.id = l.id)
  ) b ORDER BY line, rank
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
