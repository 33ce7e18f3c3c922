-- Organisations as they are now, in the order of their ids. Index: organisation (id).
SELECT o.id, v.name, v.kind, coalesce(p.id, ''), v.valid_from, nullif(v.valid_to, 'infinity')
FROM organisation o
JOIN organisation_version v ON v.organisation = o.number AND v.valid_from <= now() AND now() < v.valid_to
LEFT JOIN organisation p ON p.number = v.parent
WHERE o.id > $1
ORDER BY o.id LIMIT $2
