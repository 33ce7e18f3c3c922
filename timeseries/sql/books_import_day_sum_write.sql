WITH desired AS (
  SELECT l.id, o.number, l.day, l.customers, l.ci, l.cms, s.organisation IS NULL AS fresh,
         (s.customers, s.ci, s.cms) IS DISTINCT FROM (l.customers, l.ci, l.cms) AS differs
  FROM import_line l JOIN organisation o ON o.id = l.organisation
  LEFT JOIN day_sum s ON s.organisation = o.number AND s.day = l.day
), written AS (
  INSERT INTO day_sum (organisation, day, customers, ci, cms) SELECT number, day, customers, ci, cms FROM desired WHERE differs
  ON CONFLICT (organisation, day) DO UPDATE SET customers = EXCLUDED.customers, ci = EXCLUDED.ci, cms = EXCLUDED.cms
), noted AS (
  INSERT INTO import_new (id) SELECT id FROM desired WHERE fresh
)
INSERT INTO import_changed (id) SELECT id FROM desired WHERE differs AND NOT fresh
