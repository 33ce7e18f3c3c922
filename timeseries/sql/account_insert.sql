INSERT INTO account (name, role, organisations, language, password, subject, made)
VALUES ($1, $2, $3, $4, nullif($5, ''), nullif($6, ''), $7)
RETURNING number
