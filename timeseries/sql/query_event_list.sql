-- Events of a half-open time, oldest first, after a place in that order. Index: of one device the primary key
-- (device, time, ...); of all devices none, the chunks of the time are read.
SELECT d.id, coalesce(g.id, ''), e.time, e.type, e.seq, e.detail, e.duration, e.phases, e.quality, e.received
FROM event e
JOIN device d ON d.number = e.device
LEFT JOIN device g ON g.number = e.gateway
WHERE e.time >= $1 AND e.time < $2
  AND ($4 = '' OR e.device = (SELECT number FROM device WHERE id = $4))
  AND ($5 = '' OR e.type = $5)
  AND ($6::timestamptz IS NULL OR (e.time, d.id, e.type, e.seq, e.detail) > ($6, $7, $8, $9, $10))
ORDER BY e.time, d.id, e.type, e.seq, e.detail LIMIT $3
