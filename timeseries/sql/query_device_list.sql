-- Devices in the order of their ids. Index: device (id). In place of the mark stand query_device_by_node.sql and
-- query_device_by_text.sql as far as they are asked for: only an IN of its own becomes a join.
SELECT d.id, d.kind, d.state, d.protocol, d.address, d.profile, coalesce(g.id, ''), d.first_seen, coalesce(u.id, ''), coalesce(n.id, stands.id, ''), coalesce(v.name, ''), coalesce(v.address, '')
FROM device d
LEFT JOIN device g ON g.number = d.gateway
LEFT JOIN installation i ON i.device = d.number AND i.valid_from <= now() AND now() < i.valid_to
LEFT JOIN usage_point u ON u.number = i.usage_point
LEFT JOIN usage_point_version v ON v.usage_point = i.usage_point AND v.valid_from <= now() AND now() < v.valid_to
LEFT JOIN node n ON n.number = v.node
LEFT JOIN device_node at ON at.device = d.number AND at.valid_from <= now() AND now() < at.valid_to
LEFT JOIN node stands ON stands.number = at.node
WHERE d.id > $1
  AND ($3 = '' OR d.kind = $3) AND ($4 = '' OR d.state = $4) AND ($5 = '' OR u.id = $5)
  AND $6::text IS NOT NULL AND $7::text IS NOT NULL
  /*picked*/
ORDER BY d.id LIMIT $2
