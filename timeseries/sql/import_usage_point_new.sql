WITH made AS (
  INSERT INTO usage_point (id)
  SELECT DISTINCT id FROM import_line l WHERE NOT EXISTS (SELECT FROM usage_point t WHERE t.id = l.id) ORDER BY id
  RETURNING id
)
INSERT INTO import_new (id) SELECT id FROM made
