-- Index: the primary key.
SELECT id, received, device, protocol, address, raw, octet_length(raw), reason, detail, replayed
FROM quarantine WHERE id = $1
