SELECT u.path, c.month, c.day, c.category, c.ci, c.cms, c.figures::text, c.customers
FROM unnest($3::text[], $4::int[], $5::int[]) k (path, month, day)
JOIN book_unit u USING (path)
JOIN book_cell c ON c.book = (SELECT number FROM book WHERE policy = $1 AND by = $2) AND c.month = k.month AND c.day = k.day AND c.unit = u.number
