SELECT c.day, sum(c.ci)::bigint, sum(c.cms)::bigint
FROM book_cell c
WHERE c.book = (SELECT number FROM book WHERE policy = $1 AND by = $2) AND c.month BETWEEN $7 AND $8 AND c.day >= $5 AND c.day < $6 AND c.category = ANY ($4)
  AND c.unit = ANY (ARRAY(SELECT number FROM book_unit v WHERE $3 = ANY (string_to_array(v.path, E'\x1f'))))
GROUP BY c.day ORDER BY c.day
