SELECT d.id, u.id, i.valid_from, nullif(i.valid_to, 'infinity')
FROM installation i JOIN device d ON d.number = i.device JOIN usage_point u ON u.number = i.usage_point
ORDER BY i.device, i.valid_from
