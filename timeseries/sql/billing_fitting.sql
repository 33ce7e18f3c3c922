-- Meters of usage points. Index: installation (usage_point, valid_from).
SELECT i.usage_point, d.number, d.id, d.profile, d.protocol, coalesce(g.id, ''), i.valid_from, nullif(i.valid_to, 'infinity')
FROM installation i JOIN metering_device d ON d.number = i.device LEFT JOIN device g ON g.number = d.gateway
WHERE i.usage_point = ANY ($1)
ORDER BY i.usage_point, i.valid_from, d.id
