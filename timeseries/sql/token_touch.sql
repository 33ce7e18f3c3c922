UPDATE token SET used = $2 WHERE number = $1 AND (used IS NULL OR used < $2)
