INSERT INTO token (hash, name, account, permissions, organisations, made, by, expires)
VALUES ($1, $2, nullif($3::bigint, 0), $4, $5, $6, $7, $8)
RETURNING number
