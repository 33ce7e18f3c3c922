UPDATE account SET language = $2 WHERE number = $1
