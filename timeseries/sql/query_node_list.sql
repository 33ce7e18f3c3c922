-- Nodes as they are now, in the order of their ids. Indexes: node (id) for the order, or node_version (parent).
SELECT n.id, v.name, v.kind, coalesce(p.id, ''), coalesce(o.id, ''), coalesce(v.rated_kva, 0), v.valid_from, nullif(v.valid_to, 'infinity')
FROM node n
JOIN node_version v ON v.node = n.number AND v.valid_from <= now() AND now() < v.valid_to
LEFT JOIN node p ON p.number = v.parent
LEFT JOIN organisation o ON o.number = v.organisation
WHERE n.id > $1
  AND ($3 = '' OR p.id = $3) AND ($4 = '' OR v.kind = $4)
  AND ($5 = '' OR strpos(lower(n.id), lower($5)) > 0 OR strpos(folded(v.name), folded($5)) > 0)
ORDER BY n.id LIMIT $2
