WITH written AS (
  UPDATE device d SET secret_salt = s.salt, secret_hash = s.hash FROM import_secret s WHERE d.number = s.number RETURNING d.id
)
INSERT INTO import_changed (id) SELECT id FROM written
