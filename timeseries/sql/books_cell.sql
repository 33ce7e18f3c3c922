SELECT u.path, c.month, coalesce(c.day, $1), c.category, c.ci, c.cms, c.figures::text, CASE WHEN $6 THEN c.customers END
FROM book_cell c JOIN book_unit u ON u.number = c.unit JOIN book b ON b.number = c.book
WHERE b.policy = $2 AND b.by = $3 AND (c.day IS NULL AND c.month = ANY ($4::int[]) OR c.day IS NOT NULL AND c.month = ANY ($5::int[]))
  AND ($7 = '' OR $7 = ANY (string_to_array(u.path, E'\x1f')))
