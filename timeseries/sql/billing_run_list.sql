WHERE number < $1 AND ($3 = '' OR state = $3) ORDER BY number DESC LIMIT $2
