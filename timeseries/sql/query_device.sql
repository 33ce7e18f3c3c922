-- One device, and when it was last heard. Indexes: device (id); the primary keys of reading, reading_other and
-- event begin with the device and give the last row of each chunk, newest chunk first.
SELECT d.number, d.id, d.kind, d.state, d.protocol, d.address, d.profile, coalesce(g.id, ''), d.first_seen, coalesce(u.id, ''), coalesce(n.id, stands.id, ''), coalesce(v.name, ''), coalesce(v.address, ''),
       greatest((SELECT r.received FROM reading r WHERE r.meter = d.number ORDER BY r.time DESC LIMIT 1),
                (SELECT r.received FROM reading_other r WHERE r.meter = d.number ORDER BY r.time DESC LIMIT 1),
                (SELECT e.received FROM event e WHERE e.device = d.number ORDER BY e.time DESC LIMIT 1))
FROM device d
LEFT JOIN device g ON g.number = d.gateway
LEFT JOIN installation i ON i.device = d.number AND i.valid_from <= now() AND now() < i.valid_to
LEFT JOIN usage_point u ON u.number = i.usage_point
LEFT JOIN usage_point_version v ON v.usage_point = i.usage_point AND v.valid_from <= now() AND now() < v.valid_to
LEFT JOIN node n ON n.number = v.node
LEFT JOIN device_node at ON at.device = d.number AND at.valid_from <= now() AND now() < at.valid_to
LEFT JOIN node stands ON stands.number = at.node
WHERE d.id = $1
LIMIT 1
