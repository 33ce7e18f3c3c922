SELECT d.number, d.id, d.kind, d.state, d.secret_salt, d.secret_hash, coalesce(g.id, '')
FROM device d LEFT JOIN device g ON g.number = d.gateway WHERE d.id = ANY ($1)
