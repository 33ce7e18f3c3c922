-- The last readings without a column of one device. Index: the primary key (meter, time, quantity), backwards.
SELECT o.time, max(o.received), bit_or(o.quality), array_agg(q.name ORDER BY q.name), array_agg(o.value ORDER BY q.name)
FROM reading_other o JOIN quantity q ON q.number = o.quantity
WHERE o.meter = $1 AND o.time = (SELECT l.time FROM reading_other l WHERE l.meter = $1 ORDER BY l.time DESC LIMIT 1)
GROUP BY o.time
