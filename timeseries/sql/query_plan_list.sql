-- In the order of their ids. Index: the primary key.
AND ($1::timestamptz IS NULL OR p.valid_to > $1) AND ($2::timestamptz IS NULL OR p.valid_from < $2) AND ($3 = '' OR p.kind = $3) AND p.id > $4
ORDER BY p.id LIMIT $5
