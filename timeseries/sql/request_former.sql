SELECT fingerprint = $3, coalesce(status, 0), kind, answer FROM request_once WHERE scope = $1 AND key = $2
