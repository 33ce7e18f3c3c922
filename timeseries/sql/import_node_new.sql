WITH made AS (
  INSERT INTO node (id)
  SELECT DISTINCT id FROM import_line l WHERE NOT EXISTS (SELECT FROM node t WHERE t.id = l.id) ORDER BY id
  RETURNING id
)
INSERT INTO import_new (id) SELECT id FROM made
