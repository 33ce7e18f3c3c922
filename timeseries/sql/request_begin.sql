-- Gives a row to who is to carry the request out: the first, or who asks the same long after it was begun and never answered.
INSERT INTO request_once (scope, key, fingerprint, expires) VALUES ($1, $2, $3, now() + $4 * INTERVAL '1 microsecond')
ON CONFLICT (scope, key) DO UPDATE SET fingerprint = EXCLUDED.fingerprint, begun = now(), expires = EXCLUDED.expires, status = NULL, kind = '', answer = NULL
WHERE request_once.expires < now()
   OR request_once.status IS NULL AND request_once.fingerprint = EXCLUDED.fingerprint AND request_once.begun < now() - $5 * INTERVAL '1 microsecond'
RETURNING true
