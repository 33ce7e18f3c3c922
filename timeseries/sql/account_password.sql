UPDATE account SET password = $2 WHERE number = $1
