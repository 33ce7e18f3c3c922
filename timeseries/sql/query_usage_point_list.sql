-- Usage points as they are now, in the order of their ids. Indexes: usage_point (id) for the order, or
-- usage_point_version (node) from a node; the plan is made for the filters given.
WITH RECURSIVE below AS (
  SELECT number FROM node WHERE id = $3
  UNION
  SELECT v.node FROM below b JOIN node_version v ON v.parent = b.number AND v.valid_from <= now() AND now() < v.valid_to
), part AS (
  SELECT number FROM organisation WHERE id = $4
  UNION
  SELECT v.organisation FROM part p JOIN organisation_version v ON v.parent = p.number AND v.valid_from <= now() AND now() < v.valid_to
)
SELECT u.id, v.name, v.address, n.id, coalesce(o.id, ''), v.phases, v.valid_from, nullif(v.valid_to, 'infinity')
FROM usage_point u
JOIN usage_point_version v ON v.usage_point = u.number AND v.valid_from <= now() AND now() < v.valid_to
JOIN node n ON n.number = v.node
LEFT JOIN organisation o ON o.number = v.organisation
WHERE u.id > $1
  AND ($3 = '' OR v.node IN (SELECT number FROM below))
  AND ($4 = '' OR v.organisation IN (SELECT number FROM part))
  AND ($5 = '' OR strpos(lower(u.id), lower($5)) > 0 OR strpos(lower(v.name), lower($5)) > 0 OR strpos(lower(v.address), lower($5)) > 0)
ORDER BY u.id LIMIT $2
