-- The installations each device of the file shall have, by the rules of versions: an installation ends where the
-- device's next one begins, and a line that only repeats the installation before it makes none. A line without a
-- usage point ends the installation before it: at its end when it has one, else where it begins.
WITH said AS (
  SELECT e.number, u.number AS usage_point, l.valid_to,
         CASE WHEN u.number IS NOT NULL THEN l.valid_from
              WHEN l.valid_to <> 'infinity' THEN l.valid_to
              WHEN l.valid_from > 'epoch' THEN l.valid_from END AS valid_from
  FROM import_line l JOIN device e ON e.id = l.id LEFT JOIN usage_point u ON u.id = l.usage_point
), filed AS (
  SELECT DISTINCT ON (number, valid_from) number, valid_from, valid_to, usage_point
  FROM said WHERE valid_from IS NOT NULL ORDER BY number, valid_from, usage_point NULLS LAST
), desired AS (
  SELECT f.number, f.valid_from, f.valid_to, f.usage_point, s.device IS NULL AS fresh
  FROM filed f LEFT JOIN installation s ON s.device = f.number AND s.valid_from = f.valid_from
  WHERE f.usage_point IS NOT NULL OR s.device IS NULL
  UNION ALL
  SELECT v.device, v.valid_from, v.valid_to, v.usage_point, false
  FROM (SELECT DISTINCT number FROM filed) e
  JOIN installation v ON v.device = e.number
  WHERE NOT EXISTS (SELECT FROM filed f WHERE f.number = v.device AND f.valid_from = v.valid_from AND f.usage_point IS NOT NULL)
), judged AS (
  SELECT *, fresh AND usage_point = lag(usage_point) OVER w
            AND least(valid_to, lead(valid_from) OVER w) = least(lag(valid_to) OVER w, lead(valid_from) OVER w) AS repeats
  FROM desired WINDOW w AS (PARTITION BY number ORDER BY valid_from)
), chained AS (
  SELECT number, valid_from, least(valid_to, lead(valid_from) OVER (PARTITION BY number ORDER BY valid_from)) AS valid_to, usage_point
  FROM judged WHERE repeats IS NOT TRUE
), written AS (
  INSERT INTO installation (device, usage_point, valid_from, valid_to)
  SELECT number, usage_point, valid_from, valid_to FROM chained c
  WHERE usage_point IS NOT NULL AND NOT EXISTS (SELECT FROM installation v WHERE v.device = c.number AND v.valid_from = c.valid_from
                    AND (v.valid_to, v.usage_point) = (c.valid_to, c.usage_point))
  ON CONFLICT (device, valid_from) DO UPDATE SET valid_to = EXCLUDED.valid_to, usage_point = EXCLUDED.usage_point
  RETURNING device
)
INSERT INTO import_changed (id) SELECT DISTINCT e.id FROM written w JOIN device e ON e.number = w.device
