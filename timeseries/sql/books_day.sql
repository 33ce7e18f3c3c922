SELECT c.day, sum(c.ci)::bigint, sum(c.cms)::bigint
FROM book_cell c JOIN book b ON b.number = c.book JOIN book_unit u ON u.number = c.unit
WHERE b.policy = $1 AND b.by = $2 AND $3 = ANY (string_to_array(u.path, E'\x1f')) AND c.category = ANY ($4) AND c.day >= $5 AND c.day < $6
GROUP BY c.day ORDER BY c.day
