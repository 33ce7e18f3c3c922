UPDATE billing_run SET state = 'made', id = $2, made = now(), lines = $3, passed = $4, held = $5, bytes = $6 WHERE number = $1
