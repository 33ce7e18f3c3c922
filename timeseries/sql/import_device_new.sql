WITH made AS (
  INSERT INTO device (id, kind, state)
  SELECT DISTINCT ON (id) id, kind, 'active' FROM import_line l WHERE NOT EXISTS (SELECT FROM device t WHERE t.id = l.id) ORDER BY id, line
  ON CONFLICT (id) DO NOTHING -- it has just been heard for the first time
  RETURNING id
)
INSERT INTO import_new (id) SELECT id FROM made
