SELECT u.number, u.id, n.id, v.phases, v.generation, v.valid_from, nullif(v.valid_to, 'infinity')
FROM usage_point u
JOIN usage_point_version v ON v.usage_point = u.number
JOIN node n ON n.number = v.node
ORDER BY u.number, v.valid_from
