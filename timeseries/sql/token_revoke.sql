UPDATE token SET revoked = $2 WHERE number = $1 AND revoked IS NULL
