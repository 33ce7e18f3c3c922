WHERE number = $1 OR id = $2 ORDER BY number LIMIT 1
