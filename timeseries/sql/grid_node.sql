SELECT n.id, v.name, v.kind, coalesce(p.id, ''), coalesce(o.id, ''), coalesce(v.rated_kva, 0), v.valid_from, nullif(v.valid_to, 'infinity')
FROM node n
JOIN node_version v ON v.node = n.number
LEFT JOIN node p ON p.number = v.parent
LEFT JOIN organisation o ON o.number = v.organisation
ORDER BY n.number, v.valid_from
