-- Those that are over make room. Index: login_attempt (expires).
WITH gone AS (DELETE FROM login_attempt WHERE expires < $2)
INSERT INTO login_attempt (hash, expires)
SELECT $1::bytea, $3::timestamptz WHERE (SELECT count(*) FROM login_attempt WHERE expires >= $2::timestamptz) < $4::bigint
