-- Index: usage_point (id), then the primary key of usage_point_version.
SELECT u.id, v.name, v.address, n.id, coalesce(o.id, ''), v.phases, v.generation, v.connected_va, v.valid_from, nullif(v.valid_to, 'infinity')
FROM usage_point u
JOIN usage_point_version v ON v.usage_point = u.number
JOIN node n ON n.number = v.node
LEFT JOIN organisation o ON o.number = v.organisation
WHERE u.id = $1 ORDER BY v.valid_from
