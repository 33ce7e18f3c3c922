WITH desired AS (
  SELECT l.id, o.number, l.year, l.index, l.value::numeric AS value, t.organisation IS NULL AS fresh, t.value IS DISTINCT FROM l.value::numeric AS differs
  FROM import_line l JOIN organisation o ON o.id = l.organisation
  LEFT JOIN target t ON t.organisation = o.number AND t.year = l.year AND t.index = l.index
), written AS (
  INSERT INTO target (organisation, year, index, value) SELECT number, year, index, value FROM desired WHERE differs
  ON CONFLICT (organisation, year, index) DO UPDATE SET value = EXCLUDED.value
), noted AS (
  INSERT INTO import_new (id) SELECT id FROM desired WHERE fresh
)
INSERT INTO import_changed (id) SELECT id FROM desired WHERE differs AND NOT fresh
