SELECT u.path, c.month, coalesce(c.day, $1), c.category, c.ci, c.cms, c.figures::text, c.customers
FROM unnest($4::text[], $5::int[], $6::int[]) k (path, month, day)
JOIN book_unit u USING (path)
JOIN book b ON b.policy = $2 AND b.by = $3
JOIN book_cell c ON c.book = b.number AND c.month = k.month AND c.unit = u.number AND (c.day = k.day OR c.day IS NULL AND k.day = $1)
