-- A node and all below it as they are now, each with the usage points that hang directly on it, how many of them are out,
-- and how many of the others were heard since $2. Of a node's breaker the last word of the year holds. Indexes: node_version
-- (parent), usage_point_version (node), installation (usage_point, valid_from), the primary keys of interruption, reading and
-- event; a usage point is looked up once.
WITH RECURSIVE below AS (
  SELECT number AS node, 0 AS level FROM node WHERE id = $1
  UNION ALL
  SELECT v.node, b.level + 1 FROM below b JOIN node_version v ON v.parent = b.node AND v.valid_from <= now() AND now() < v.valid_to
  WHERE b.level < 32
), point AS (
  SELECT v.node,
         EXISTS (SELECT FROM interruption i WHERE i.usage_point = v.usage_point AND i.ended IS NULL AND NOT i.withdrawn
                 AND coalesce(i.started, i.not_before) IS NOT NULL) AS out,
         v.usage_point
  FROM below b JOIN usage_point_version v ON v.node = b.node AND v.valid_from <= now() AND now() < v.valid_to
), summed AS (
  SELECT p.node, count(*)::int AS customers, count(*) FILTER (WHERE p.out)::int AS out,
         count(*) FILTER (WHERE NOT p.out AND coalesce(
           (SELECT true FROM installation i, LATERAL (SELECT FROM reading r WHERE r.meter = i.device AND r.time >= $2 ORDER BY r.time DESC LIMIT 1) heard
            WHERE i.usage_point = p.usage_point AND i.valid_from <= now() AND now() < i.valid_to LIMIT 1),
           (SELECT true FROM installation i, LATERAL (SELECT FROM event e WHERE e.device = i.device AND e.time >= $2 AND e.type <> 'power_down' LIMIT 1) heard
            WHERE i.usage_point = p.usage_point AND i.valid_from <= now() AND now() < i.valid_to LIMIT 1), false))::int AS heard
  FROM point p GROUP BY p.node
)
SELECT n.id, v.name, v.kind, coalesce(up.id, ''), coalesce(o.id, ''), coalesce(v.rated_kva, 0), v.valid_from, nullif(v.valid_to, 'infinity'),
       coalesce(s.customers, 0), coalesce(s.out, 0), coalesce(s.heard, 0), coalesce(breaker.type, ''), breaker.time
FROM below b
JOIN node n ON n.number = b.node
JOIN node_version v ON v.node = b.node AND v.valid_from <= now() AND now() < v.valid_to
LEFT JOIN node up ON up.number = v.parent
LEFT JOIN organisation o ON o.number = v.organisation
LEFT JOIN summed s ON s.node = b.node
LEFT JOIN LATERAL (
  SELECT e.type, e.time FROM device_node a JOIN event e ON e.device = a.device
  WHERE a.node = b.node AND a.valid_from <= now() AND now() < a.valid_to AND e.time >= now() - INTERVAL '1 year'
    AND e.type IN ('breaker_open', 'breaker_closed', 'breaker_unknown')
  ORDER BY e.time DESC LIMIT 1
) breaker ON true
ORDER BY b.level, n.id LIMIT $3
