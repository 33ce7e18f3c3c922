-- Quarantined messages, newest first, with the beginning of each. Index: quarantine (id) WHERE replayed IS NULL, or
-- the primary key.
SELECT id, received, device, protocol, address, substring(raw FROM 1 FOR 1024), octet_length(raw), reason, detail, replayed
FROM quarantine
WHERE id < $1 AND ($3 OR replayed IS NULL) AND ($4 = '' OR reason = $4) AND ($5 = '' OR device = $5)
ORDER BY id DESC LIMIT $2
