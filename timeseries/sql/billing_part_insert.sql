INSERT INTO billing_snapshot (run, part, bytes) VALUES ($1, $2, $3)
