SELECT number, id, kind, state, secret_salt, secret_hash FROM device WHERE id = ANY ($1)
