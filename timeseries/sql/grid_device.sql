SELECT d.number, d.id, d.kind, d.state, coalesce(g.id, ''), coalesce(n.id, '')
FROM device d
LEFT JOIN device g ON g.number = d.gateway
LEFT JOIN device_node v ON v.device = d.number AND v.valid_from <= now() AND now() < v.valid_to
LEFT JOIN node n ON n.number = v.node
ORDER BY d.number
