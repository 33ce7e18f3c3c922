-- The versions each organisation of the file shall have: those of the file, and the stored ones that begin at other times. A version
-- ends where the next begins; a line that only repeats the version before it makes none. What differs from the
-- store is written.
WITH filed AS (
  SELECT e.number, l.id, l.valid_from, l.valid_to, l.name, l.kind, r_parent.number AS parent
  FROM import_line l
  JOIN organisation e ON e.id = l.id
  LEFT JOIN organisation r_parent ON r_parent.id = l.parent
), desired AS (
  SELECT f.number, f.id, f.valid_from, f.valid_to, f.name, f.kind, f.parent, s.organisation IS NULL AS fresh
  FROM filed f LEFT JOIN organisation_version s ON s.organisation = f.number AND s.valid_from = f.valid_from
  UNION ALL
  SELECT v.organisation, e.id, v.valid_from, v.valid_to, v.name, v.kind, v.parent, false
  FROM (SELECT DISTINCT number, id FROM filed) e
  JOIN organisation_version v ON v.organisation = e.number
  WHERE NOT EXISTS (SELECT FROM filed f WHERE f.number = v.organisation AND f.valid_from = v.valid_from)
), judged AS (
  SELECT *, fresh AND (name, kind, parent) IS NOT DISTINCT FROM (lag(name) OVER w, lag(kind) OVER w, lag(parent) OVER w)
            AND least(valid_to, lead(valid_from) OVER w) = least(lag(valid_to) OVER w, lead(valid_from) OVER w) AS repeats
  FROM desired WINDOW w AS (PARTITION BY number ORDER BY valid_from)
), chained AS (
  SELECT number, id, valid_from, least(valid_to, lead(valid_from) OVER (PARTITION BY number ORDER BY valid_from)) AS valid_to, name, kind, parent
  FROM judged WHERE repeats IS NOT TRUE
), written AS (
  INSERT INTO organisation_version (organisation, valid_from, valid_to, name, kind, parent)
  SELECT number, valid_from, valid_to, name, kind, parent FROM chained c
  WHERE NOT EXISTS (SELECT FROM organisation_version v WHERE v.organisation = c.number AND v.valid_from = c.valid_from
                    AND (v.valid_to, v.name, v.kind, v.parent) IS NOT DISTINCT FROM (c.valid_to, c.name, c.kind, c.parent))
  ON CONFLICT (organisation, valid_from) DO UPDATE SET valid_to = EXCLUDED.valid_to, name = EXCLUDED.name, kind = EXCLUDED.kind, parent = EXCLUDED.parent
  RETURNING organisation AS number
)
INSERT INTO import_changed (id) SELECT DISTINCT e.id FROM written w JOIN organisation e USING (number)
