AND w.number > $1 ORDER BY w.number LIMIT $2
