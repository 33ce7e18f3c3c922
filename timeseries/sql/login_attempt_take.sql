DELETE FROM login_attempt WHERE hash = $1 AND expires >= $2
