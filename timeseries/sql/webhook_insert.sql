INSERT INTO webhook (url, events, description, enabled, secret) VALUES ($1, $2, $3, $4, $5) RETURNING number
