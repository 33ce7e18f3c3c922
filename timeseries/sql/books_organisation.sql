SELECT o.id, v.name, v.kind, coalesce(p.id, ''), v.valid_from, nullif(v.valid_to, 'infinity')
FROM organisation o
JOIN organisation_version v ON v.organisation = o.number
LEFT JOIN organisation p ON p.number = v.parent
ORDER BY o.number, v.valid_from
