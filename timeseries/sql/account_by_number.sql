AND a.number = $1
