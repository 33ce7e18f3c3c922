-- Readings without a column of one device in a half-open time, gathered by time. Index: the primary key (meter,
-- time, quantity).
SELECT o.time, max(o.received), bit_or(o.quality), array_agg(q.name ORDER BY q.name), array_agg(o.value ORDER BY q.name)
FROM reading_other o JOIN quantity q ON q.number = o.quantity
WHERE o.meter = $1 AND o.time >= $2 AND o.time < $3 AND ($5::text[] IS NULL OR q.name = ANY ($5))
GROUP BY o.time
ORDER BY o.time LIMIT $4
