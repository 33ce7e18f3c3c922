AND t.number = $1
