SELECT u.path, c.month, c.day, c.category, c.ci, c.cms, c.figures::text, CASE WHEN $6 THEN c.customers END
FROM book_cell c JOIN book_unit u ON u.number = c.unit
WHERE c.book = (SELECT number FROM book WHERE policy = $2 AND by = $3)
  AND (c.month = ANY ($4::int[]) AND c.day = $1 OR c.month = ANY ($5::int[]) AND c.day > $1)
  AND ($7 = '' OR c.unit = ANY (ARRAY(SELECT number FROM book_unit v WHERE $7 = ANY (string_to_array(v.path, E'\x1f')))))
