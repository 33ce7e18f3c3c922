DELETE FROM book_cell c USING unnest($2::text[], $3::int[], $4::int[], $5::text[]) s (path, month, day, category), book_unit u
WHERE u.path = s.path AND c.book = $1 AND c.month = s.month AND c.day = s.day AND c.unit = u.number AND c.category = s.category
