-- Index: the primary key of installation.
SELECT d.id, u.id, i.valid_from, nullif(i.valid_to, 'infinity')
FROM device d JOIN installation i ON i.device = d.number JOIN usage_point u ON u.number = i.usage_point
WHERE d.id = $1 ORDER BY i.valid_from
