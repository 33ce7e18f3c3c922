DELETE FROM book_cell c USING unnest($3::text[], $4::int[], $5::int[], $6::text[]) s (path, month, day, category), book_unit u
WHERE u.path = s.path AND c.book = $1 AND c.month = s.month AND c.day IS NOT DISTINCT FROM nullif(s.day, $2) AND c.unit = u.number AND c.category = s.category
