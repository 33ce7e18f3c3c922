WITH head AS (UPDATE audit_head SET number = $1, hash = $11)
INSERT INTO audit (number, at, who, role, address, what, target, before, after, previous, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
