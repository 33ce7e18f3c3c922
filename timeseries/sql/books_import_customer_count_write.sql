WITH desired AS (
  SELECT l.id, o.number, l.month, l.customers, c.organisation IS NULL AS fresh, c.customers IS DISTINCT FROM l.customers AS differs
  FROM import_line l JOIN organisation o ON o.id = l.organisation
  LEFT JOIN customer_count c ON c.organisation = o.number AND c.month = l.month
), written AS (
  INSERT INTO customer_count (organisation, month, customers) SELECT number, month, customers FROM desired WHERE differs
  ON CONFLICT (organisation, month) DO UPDATE SET customers = EXCLUDED.customers
), noted AS (
  INSERT INTO import_new (id) SELECT id FROM desired WHERE fresh
)
INSERT INTO import_changed (id) SELECT id FROM desired WHERE differs AND NOT fresh
