WITH made AS (INSERT INTO book (policy, by) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING number)
SELECT number FROM made UNION ALL SELECT number FROM book WHERE policy = $1 AND by = $2
