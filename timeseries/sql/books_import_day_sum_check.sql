-- Days that stand twice, organisations that are not there, days to come, and gaps: a day before which others are missing
-- that neither the file nor the store has, while one before them is there. A day whose line is refused leaves no gap
-- of its own: one fault is told once.
WITH days AS (
  SELECT organisation, day FROM import_line
  UNION
  SELECT o.id, s.day FROM day_sum s JOIN organisation o ON o.number = s.organisation WHERE o.id IN (SELECT organisation FROM import_line)
  UNION
  SELECT left(id, length(id) - 11), right(id, 10)::date FROM import_refused WHERE id ~ ' \d{4}-\d\d-\d\d$'
), follows AS (
  SELECT organisation, day, lag(day) OVER (PARTITION BY organisation ORDER BY day) AS before FROM days
), bad AS (
  SELECT DISTINCT ON (line) line, id, reason FROM (
  SELECT line, id, 1 AS rank, format('%s stands in line %s already', day, first) AS reason
  FROM (SELECT line, id, day, first_value(line) OVER (PARTITION BY organisation, day ORDER BY line) AS first FROM import_line) d
  WHERE line <> first
  UNION ALL
  SELECT line, id, 2, format('unknown organisation %s', organisation) FROM import_line l
  WHERE NOT EXISTS (SELECT FROM organisation o WHERE o.id = l.organisation)
  UNION ALL
  SELECT line, id, 3, format('%s is not over yet', day) FROM import_line
  WHERE day >= (now() AT TIME ZONE (SELECT value FROM setting WHERE name = 'zone'))::date
  UNION ALL
  SELECT l.line, l.id, 4, format('a gap: %s before it are missing, from %s to %s', CASE l.day - f.before WHEN 2 THEN 'a day' ELSE (l.day - f.before - 1) || ' days' END,
                                 f.before + 1, l.day - 1)
  FROM import_line l JOIN follows f USING (organisation, day) WHERE l.day - f.before > 1
  ) b ORDER BY line, rank
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
