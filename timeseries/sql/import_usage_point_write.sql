-- The versions each usage point of the file shall have: those of the file, and the stored ones that begin at other times. A version
-- ends where the next begins; a line that only repeats the version before it makes none. What differs from the
-- store is written.
WITH filed AS (
  SELECT e.number, l.id, l.valid_from, l.valid_to, l.name, l.address, r_node.number AS node, r_organisation.number AS organisation, l.phases, l.generation, l.connected_va
  FROM import_line l
  JOIN usage_point e ON e.id = l.id
  LEFT JOIN node r_node ON r_node.id = l.node
  LEFT JOIN organisation r_organisation ON r_organisation.id = l.organisation
), desired AS (
  SELECT f.number, f.id, f.valid_from, f.valid_to, f.name, f.address, f.node, f.organisation, f.phases, f.generation, f.connected_va, s.usage_point IS NULL AS fresh
  FROM filed f LEFT JOIN usage_point_version s ON s.usage_point = f.number AND s.valid_from = f.valid_from
  UNION ALL
  SELECT v.usage_point, e.id, v.valid_from, v.valid_to, v.name, v.address, v.node, v.organisation, v.phases, v.generation, v.connected_va, false
  FROM (SELECT DISTINCT number, id FROM filed) e
  JOIN usage_point_version v ON v.usage_point = e.number
  WHERE NOT EXISTS (SELECT FROM filed f WHERE f.number = v.usage_point AND f.valid_from = v.valid_from)
), judged AS (
  SELECT *, fresh AND (name, address, node, organisation, phases, generation, connected_va) IS NOT DISTINCT FROM (lag(name) OVER w, lag(address) OVER w, lag(node) OVER w, lag(organisation) OVER w, lag(phases) OVER w, lag(generation) OVER w, lag(connected_va) OVER w)
            AND least(valid_to, lead(valid_from) OVER w) = least(lag(valid_to) OVER w, lead(valid_from) OVER w) AS repeats
  FROM desired WINDOW w AS (PARTITION BY number ORDER BY valid_from)
), chained AS (
  SELECT number, id, valid_from, least(valid_to, lead(valid_from) OVER (PARTITION BY number ORDER BY valid_from)) AS valid_to, name, address, node, organisation, phases, generation, connected_va
  FROM judged WHERE repeats IS NOT TRUE
), written AS (
  INSERT INTO usage_point_version (usage_point, valid_from, valid_to, name, address, node, organisation, phases, generation, connected_va)
  SELECT number, valid_from, valid_to, name, address, node, organisation, phases, generation, connected_va FROM chained c
  WHERE NOT EXISTS (SELECT FROM usage_point_version v WHERE v.usage_point = c.number AND v.valid_from = c.valid_from
                    AND (v.valid_to, v.name, v.address, v.node, v.organisation, v.phases, v.generation, v.connected_va) IS NOT DISTINCT FROM (c.valid_to, c.name, c.address, c.node, c.organisation, c.phases, c.generation, c.connected_va))
  ON CONFLICT (usage_point, valid_from) DO UPDATE SET valid_to = EXCLUDED.valid_to, name = EXCLUDED.name, address = EXCLUDED.address, node = EXCLUDED.node, organisation = EXCLUDED.organisation, phases = EXCLUDED.phases, generation = EXCLUDED.generation, connected_va = EXCLUDED.connected_va
  RETURNING usage_point AS number
)
INSERT INTO import_changed (id) SELECT DISTINCT e.id FROM written w JOIN usage_point e USING (number)
