WITH desired AS (
  SELECT l.*, t.model IS NULL AS fresh,
         (l.digits, l.unit_wh, l.max_w, l.every, l.calendar, l.tolerance, l.registers, l.nominal_v, l.rated_a)
         IS DISTINCT FROM (t.digits, t.unit_wh, t.max_w, t.every, t.calendar, t.tolerance, t.registers, t.nominal_v, t.rated_a) AS differs
  FROM import_line l LEFT JOIN meter_type t ON t.model = l.id
), written AS (
  INSERT INTO meter_type (model, digits, unit_wh, max_w, every, calendar, tolerance, registers, nominal_v, rated_a)
  SELECT id, digits, unit_wh, max_w, every, calendar, tolerance, registers, nominal_v, rated_a FROM desired WHERE differs
  ON CONFLICT (model) DO UPDATE SET digits = EXCLUDED.digits, unit_wh = EXCLUDED.unit_wh, max_w = EXCLUDED.max_w, every = EXCLUDED.every, calendar = EXCLUDED.calendar,
    tolerance = EXCLUDED.tolerance, registers = EXCLUDED.registers, nominal_v = EXCLUDED.nominal_v, rated_a = EXCLUDED.rated_a
), noted AS (
  INSERT INTO import_new (id) SELECT id FROM desired WHERE fresh
)
INSERT INTO import_changed (id) SELECT id FROM desired WHERE differs AND NOT fresh
