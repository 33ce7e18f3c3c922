-- Devices in the order of their ids. Indexes: device (id) for the order, or from a usage point or node through
-- usage_point_version (node) and installation (usage_point, valid_from); the plan is made for the filters given.
WITH RECURSIVE below AS (
  SELECT number FROM node WHERE id = $6
  UNION
  SELECT v.node FROM below b JOIN node_version v ON v.parent = b.number AND v.valid_from <= now() AND now() < v.valid_to
)
SELECT d.id, d.kind, d.state, d.protocol, d.address, d.profile, coalesce(g.id, ''), d.first_seen, coalesce(u.id, ''), coalesce(n.id, '')
FROM device d
LEFT JOIN device g ON g.number = d.gateway
LEFT JOIN installation i ON i.device = d.number AND i.valid_from <= now() AND now() < i.valid_to
LEFT JOIN usage_point u ON u.number = i.usage_point
LEFT JOIN usage_point_version v ON v.usage_point = i.usage_point AND v.valid_from <= now() AND now() < v.valid_to
LEFT JOIN node n ON n.number = v.node
WHERE d.id > $1
  AND ($3 = '' OR d.kind = $3) AND ($4 = '' OR d.state = $4) AND ($5 = '' OR u.id = $5)
  AND ($6 = '' OR v.node IN (SELECT number FROM below))
  AND ($7 = '' OR strpos(lower(d.id), lower($7)) > 0 OR strpos(lower(u.id), lower($7)) > 0 OR strpos(lower(v.name), lower($7)) > 0)
ORDER BY d.id LIMIT $2
