-- The detector's own, without an end or with a part in the time that is replayed. Indexes: interruption (usage_point) of open
-- rows, BRIN on ended.
AND i.id > 0 AND (i.ended IS NULL AND NOT i.withdrawn OR i.ended >= $1) AND NOT i.withdrawn
ORDER BY i.usage_point, i.id
