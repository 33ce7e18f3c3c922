-- Slots that stand twice or lie beside the others, classes of which a slot is missing or that have no energy at all. The length of a slot
-- is the least distance of two. One of which a line is refused keeps its former profile.
WITH step AS (
  SELECT id, min(apart) AS minutes
  FROM (SELECT id, lead(minute, 1, 1440::smallint) OVER (PARTITION BY id, day ORDER BY minute) - minute AS apart FROM import_line) d
  WHERE apart > 0 GROUP BY id
), missing AS (
  SELECT DISTINCT ON (s.id) s.id, s.minutes, d.day, m.minute
  FROM step s CROSS JOIN (VALUES (1, 'workday'), (2, 'saturday'), (3, 'sunday')) d (rank, day) CROSS JOIN LATERAL generate_series(0, 1439, s.minutes) m (minute)
  WHERE 1440 % s.minutes = 0 AND NOT EXISTS (SELECT FROM import_line l WHERE l.id = s.id AND l.day = d.day AND l.minute = m.minute)
  ORDER BY s.id, d.rank, m.minute
), bad AS (
  SELECT DISTINCT ON (line) line, id, reason FROM (
  SELECT line, id, 0 AS rank, format('line %s about %s is refused', (SELECT min(line) FROM import_refused r WHERE r.id = l.id), id) AS reason FROM import_line l
  WHERE EXISTS (SELECT FROM import_refused r WHERE r.id = l.id)
  UNION ALL
  SELECT line, id, 1, format('slot %s of %s stands in line %s already', to_char(make_interval(mins => minute), 'HH24:MI'), day, first)
  FROM (SELECT *, first_value(line) OVER (PARTITION BY id, day, minute ORDER BY line) AS first FROM import_line) d
  WHERE line <> first
  UNION ALL
  SELECT line, id, 2, format('slot %s: slots of %s are %s minutes long, and none of that length begins here; give slots of one length that divides the day, from 00:00 on',
                             to_char(make_interval(mins => minute), 'HH24:MI'), id, minutes)
  FROM import_line JOIN step USING (id) WHERE minute % minutes <> 0 OR 1440 % minutes <> 0
  UNION ALL
  SELECT (SELECT min(line) FROM import_line l WHERE l.id = m.id), id, 3,
         format('slot %s of %s is missing; the slots of %s are %s minutes long, so give %s for each of workday, saturday and sunday',
                to_char(make_interval(mins => minute), 'HH24:MI'), day, id, minutes, 1440 / minutes) FROM missing m
  UNION ALL
  SELECT min(line), id, 4, format('the shares of %s are all 0; give at least one slot a share above 0', id) FROM import_line GROUP BY id HAVING max(share) = 0
  ) b ORDER BY line, rank
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
