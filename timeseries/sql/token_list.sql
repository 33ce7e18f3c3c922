-- In the order of their numbers; of one owner, or all.
AND t.number > $1 AND ($3::bigint = 0 OR t.account = $3) ORDER BY t.number LIMIT $2
