-- Lines that are wrong for themselves are not held against others. Of two lines that overlap nobody knows which is true: both are refused.
-- A stored row whose start the file has too is what the file makes of it; should that line be refused, the check comes again.
WITH wrong AS (
  SELECT line, id, 1 AS rank, format('unknown usage point %s', id) AS reason
  FROM import_line l WHERE NOT EXISTS (SELECT FROM usage_point r WHERE r.id = l.id)
  UNION ALL
  SELECT line, id, 2, format('%s from %s on is in line %s already', id, pg_temp.moment(started), first)
  FROM (SELECT line, id, started, first_value(line) OVER (PARTITION BY id, started ORDER BY line) AS first FROM import_line) d
  WHERE line <> first
  UNION ALL
  SELECT line, id, 3, format('its end %s is in the future', pg_temp.moment(ended)) FROM import_line WHERE ended > now()
), sound AS (
  SELECT line, id, started, ended FROM import_line l WHERE NOT EXISTS (SELECT FROM wrong w WHERE w.line = l.line)
), beside AS (
  SELECT line, id, started, ended, lead(started) OVER w AS next_start, lead(line) OVER w AS next_line,
         max(ARRAY[(extract(epoch FROM ended) * 1000)::bigint, line]) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS longest
  FROM sound WINDOW w AS (PARTITION BY id ORDER BY started)
), bad AS (
  SELECT DISTINCT ON (line) line, id, reason FROM (
  SELECT line, id, rank, reason FROM wrong
  UNION ALL
  SELECT line, id, 4, format('overlaps line %s', longest[2]) FROM beside WHERE longest[1] > (extract(epoch FROM started) * 1000)::bigint
  UNION ALL
  SELECT line, id, 5, format('overlaps line %s', next_line) FROM beside WHERE next_start < ended
  UNION ALL
  SELECT line, id, 6, format('overlaps the imported interruption from %s to %s', pg_temp.moment(started), pg_temp.moment(ended))
  FROM (SELECT DISTINCT ON (l.line) l.line, l.id, i.started, i.ended
        FROM sound l
        JOIN usage_point u ON u.id = l.id
        JOIN interruption i ON i.usage_point = u.number AND i.id < 0 AND NOT i.withdrawn
          AND i.started <> l.started AND i.started < l.ended AND i.ended > l.started
        WHERE NOT EXISTS (SELECT FROM import_line f WHERE f.id = l.id AND f.started = i.started)
        ORDER BY l.line, i.started) stored
  ) b ORDER BY line, rank
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
