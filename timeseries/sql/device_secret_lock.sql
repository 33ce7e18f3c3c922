-- Index: device (id).
SELECT number, state, protocol, secret_salt, secret_hash FROM device WHERE id = $1 FOR UPDATE
