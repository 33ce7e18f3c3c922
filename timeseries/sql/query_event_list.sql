-- Events of a half-open time, oldest first, after a place in that order. Index: of one device the primary key
-- (device, time, ...), of a node's devices after device_node (node, valid_from); of all devices none, the chunks of the
-- time are read.
SELECT d.id, coalesce(g.id, ''), e.time, e.type, e.seq, e.detail, e.duration, e.phases, e.quality, e.received
FROM event e
JOIN device d ON d.number = e.device
LEFT JOIN device g ON g.number = e.gateway
WHERE e.time >= $1 AND e.time < $2
  AND ($4 = '' OR e.device = (SELECT number FROM device WHERE id = $4))
  AND ($5 = '' OR e.type = $5)
  AND ($6::timestamptz IS NULL OR (e.time, d.id, e.type, e.seq, e.detail) > ($6, $7, $8, $9, $10))
  AND ($11 = '' OR EXISTS (
    SELECT 1 FROM device_node a JOIN node n ON n.number = a.node
    WHERE n.id = $11 AND a.device = e.device AND a.valid_from <= e.time AND e.time < a.valid_to))
  AND ($11 = '' OR e.device = ANY (ARRAY(SELECT a.device FROM device_node a JOIN node n ON n.number = a.node WHERE n.id = $11)))
ORDER BY e.time, d.id, e.type, e.seq, e.detail LIMIT $3
