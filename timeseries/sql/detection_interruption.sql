-- The detector's own, without an end or with a part in the time that is replayed. Index: interruption (ended).
AND i.id > 0 AND NOT i.withdrawn AND (i.ended IS NULL OR i.ended >= $1)
ORDER BY i.usage_point, i.id
