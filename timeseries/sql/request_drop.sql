-- Index: request_once (expires).
DELETE FROM request_once WHERE expires < $1
