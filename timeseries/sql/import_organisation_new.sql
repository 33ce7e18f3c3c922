WITH made AS (
  INSERT INTO organisation (id)
  SELECT DISTINCT id FROM import_line l WHERE NOT EXISTS (SELECT FROM organisation t WHERE t.id = l.id) ORDER BY id
  RETURNING id
)
INSERT INTO import_new (id) SELECT id FROM made
