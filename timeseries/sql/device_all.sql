SELECT number, id, kind, state, secret_salt, secret_hash FROM device
