-- The versions each node of the file shall have: those of the file, and the stored ones that begin at other times. A version
-- ends where the next begins; a line that only repeats the version before it makes none. What differs from the
-- store is written.
WITH filed AS (
  SELECT e.number, l.id, l.valid_from, l.valid_to, l.name, l.kind, r_parent.number AS parent, r_organisation.number AS organisation, l.rated_kva
  FROM import_line l
  JOIN node e ON e.id = l.id
  LEFT JOIN node r_parent ON r_parent.id = l.parent
  LEFT JOIN organisation r_organisation ON r_organisation.id = l.organisation
), desired AS (
  SELECT f.number, f.id, f.valid_from, f.valid_to, f.name, f.kind, f.parent, f.organisation, f.rated_kva, s.node IS NULL AS fresh
  FROM filed f LEFT JOIN node_version s ON s.node = f.number AND s.valid_from = f.valid_from
  UNION ALL
  SELECT v.node, e.id, v.valid_from, v.valid_to, v.name, v.kind, v.parent, v.organisation, v.rated_kva, false
  FROM (SELECT DISTINCT number, id FROM filed) e
  JOIN node_version v ON v.node = e.number
  WHERE NOT EXISTS (SELECT FROM filed f WHERE f.number = v.node AND f.valid_from = v.valid_from)
), judged AS (
  SELECT *, fresh AND (name, kind, parent, organisation, rated_kva) IS NOT DISTINCT FROM (lag(name) OVER w, lag(kind) OVER w, lag(parent) OVER w, lag(organisation) OVER w, lag(rated_kva) OVER w)
            AND least(valid_to, lead(valid_from) OVER w) = least(lag(valid_to) OVER w, lead(valid_from) OVER w) AS repeats
  FROM desired WINDOW w AS (PARTITION BY number ORDER BY valid_from)
), chained AS (
  SELECT number, id, valid_from, least(valid_to, lead(valid_from) OVER (PARTITION BY number ORDER BY valid_from)) AS valid_to, name, kind, parent, organisation, rated_kva
  FROM judged WHERE repeats IS NOT TRUE
), written AS (
  INSERT INTO node_version (node, valid_from, valid_to, name, kind, parent, organisation, rated_kva)
  SELECT number, valid_from, valid_to, name, kind, parent, organisation, rated_kva FROM chained c
  WHERE NOT EXISTS (SELECT FROM node_version v WHERE v.node = c.number AND v.valid_from = c.valid_from
                    AND (v.valid_to, v.name, v.kind, v.parent, v.organisation, v.rated_kva) IS NOT DISTINCT FROM (c.valid_to, c.name, c.kind, c.parent, c.organisation, c.rated_kva))
  ON CONFLICT (node, valid_from) DO UPDATE SET valid_to = EXCLUDED.valid_to, name = EXCLUDED.name, kind = EXCLUDED.kind, parent = EXCLUDED.parent, organisation = EXCLUDED.organisation, rated_kva = EXCLUDED.rated_kva
  RETURNING node AS number
)
INSERT INTO import_changed (id) SELECT DISTINCT e.id FROM written w JOIN node e USING (number)
