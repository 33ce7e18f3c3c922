WITH taken AS (
  DELETE FROM late_read WHERE ctid = ANY (ARRAY(SELECT ctid FROM late_read WHERE hour < $1 ORDER BY hour LIMIT $2)) RETURNING hour, meters
), noted AS (
  INSERT INTO review_hour (hour) SELECT DISTINCT hour FROM taken ON CONFLICT DO NOTHING
)
SELECT hour, array_agg(DISTINCT m) FROM taken, unnest(meters) m GROUP BY hour ORDER BY hour
