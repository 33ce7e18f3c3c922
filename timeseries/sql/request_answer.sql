UPDATE request_once SET status = $3, kind = $4, answer = $5 WHERE scope = $1 AND key = $2
