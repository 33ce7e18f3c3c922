WITH desired AS (
  SELECT l.id, d.number, l.time, l.quantity, l.wh, n.device IS NULL AS fresh, n.wh IS DISTINCT FROM l.wh AS differs
  FROM import_line l JOIN device d ON d.id = l.device
  LEFT JOIN noted_register n ON n.device = d.number AND n.time = l.time AND n.quantity = l.quantity
), written AS (
  INSERT INTO noted_register (device, time, quantity, wh) SELECT number, time, quantity, wh FROM desired WHERE differs
  ON CONFLICT (device, time, quantity) DO UPDATE SET wh = EXCLUDED.wh
), noted AS (
  INSERT INTO import_new (id) SELECT id FROM desired WHERE fresh
)
INSERT INTO import_changed (id) SELECT id FROM desired WHERE differs AND NOT fresh
