AND w.number = $1
