WITH taken AS (DELETE FROM rollup_change RETURNING hour) SELECT DISTINCT hour FROM taken ORDER BY hour
