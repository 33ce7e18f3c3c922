-- Devices that are asked, with what they stand for now.
SELECT d.id, d.kind, d.state, d.protocol, d.address, d.profile, coalesce(n.id, '')
FROM device d
LEFT JOIN device_node v ON v.device = d.number AND v.valid_from <= now() AND now() < v.valid_to
LEFT JOIN node n ON n.number = v.node
WHERE d.protocol = $1 AND d.state = 'active' AND d.address <> ''
ORDER BY d.id
