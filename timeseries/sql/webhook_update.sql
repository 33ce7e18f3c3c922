UPDATE webhook SET url = $2, events = $3, description = $4, enabled = $5, secret = $6, former = $7, former_until = $8, changed = now() WHERE number = $1
