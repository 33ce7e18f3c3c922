-- Where feeder devices stand. A line that names another node than the one before ends that at its beginning; a line
-- that repeats it changes nothing.
WITH said AS (
  SELECT DISTINCT ON (d.number, l.valid_from) d.number, l.id, n.number AS node, l.valid_from, l.valid_to
  FROM import_line l JOIN device d ON d.id = l.id JOIN node n ON n.id = l.node
  WHERE l.node <> ''
  ORDER BY d.number, l.valid_from, l.line
), stored AS (
  SELECT v.device AS number, v.node, v.valid_from, v.valid_to
  FROM device_node v WHERE v.device IN (SELECT number FROM said)
    AND NOT EXISTS (SELECT FROM said s WHERE s.number = v.device AND s.valid_from = v.valid_from)
), chained AS (
  SELECT number, node, valid_from, least(valid_to, lead(valid_from) OVER (PARTITION BY number ORDER BY valid_from)) AS valid_to,
         node IS NOT DISTINCT FROM lag(node) OVER (PARTITION BY number ORDER BY valid_from)
           AND valid_to <= coalesce(lag(valid_to) OVER (PARTITION BY number ORDER BY valid_from), '-infinity') AS repeats
  FROM (SELECT number, node, valid_from, valid_to FROM said UNION ALL SELECT number, node, valid_from, valid_to FROM stored) v
), written AS (
  INSERT INTO device_node (device, node, valid_from, valid_to)
  SELECT number, node, valid_from, valid_to FROM chained c
  WHERE NOT repeats AND NOT EXISTS (SELECT FROM device_node v WHERE v.device = c.number AND v.valid_from = c.valid_from AND (v.valid_to, v.node) = (c.valid_to, c.node))
  ON CONFLICT (device, valid_from) DO UPDATE SET valid_to = EXCLUDED.valid_to, node = EXCLUDED.node
  RETURNING device
)
INSERT INTO import_changed (id) SELECT DISTINCT d.id FROM written w JOIN device d ON d.number = w.device
