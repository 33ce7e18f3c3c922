DELETE FROM request_once WHERE scope = $1 AND key = $2 AND status IS NULL
