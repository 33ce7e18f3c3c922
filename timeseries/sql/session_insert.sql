INSERT INTO session (hash, account, made, seen, expires, address) VALUES ($1, $2, $3, $3, $4, $5)
