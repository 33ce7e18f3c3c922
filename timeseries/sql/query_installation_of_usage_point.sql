-- Index: installation (usage_point, valid_from).
SELECT d.id, u.id, i.valid_from, nullif(i.valid_to, 'infinity')
FROM usage_point u JOIN installation i ON i.usage_point = u.number JOIN device d ON d.number = i.device
WHERE u.id = $1 ORDER BY i.valid_from
