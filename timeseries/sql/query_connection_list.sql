-- Active gateways and RTUs in the order of their ids, with what was said last of their link, how many devices speak through
-- each, and when each was last heard. Indexes: device (id); the primary keys of reading and event begin with the device.
SELECT c.id, c.kind, c.state, c.protocol, c.address, c.profile, c.node, c.first_seen, c.behind, c.link, c.link_at, c.heard
FROM (
  SELECT d.id, d.kind, d.state, d.protocol, d.address, d.profile, coalesce(n.id, '') AS node, d.first_seen,
         (SELECT count(*) FROM device b WHERE b.gateway = d.number AND b.state = 'active')::int AS behind,
         coalesce(l.type, '') AS link, l.time AS link_at,
         greatest((SELECT r.received FROM reading r WHERE r.meter = d.number ORDER BY r.time DESC LIMIT 1),
                  (SELECT e.received FROM event e WHERE e.device = d.number ORDER BY e.time DESC LIMIT 1)) AS heard
  FROM device d
  LEFT JOIN device_node at ON at.device = d.number AND at.valid_from <= now() AND now() < at.valid_to
  LEFT JOIN node n ON n.number = at.node
  LEFT JOIN LATERAL (SELECT e.type, e.time FROM event e WHERE e.device = d.number AND e.type IN ('online', 'offline') ORDER BY e.time DESC LIMIT 1) l ON true
  WHERE d.id > $1 AND d.state = 'active' AND d.kind IN ('gateway', 'rtu') AND ($3 = '' OR d.kind = $3)
) c
WHERE $4 = '' OR $4 = CASE c.link WHEN '' THEN 'unknown' ELSE c.link END
ORDER BY c.id LIMIT $2
