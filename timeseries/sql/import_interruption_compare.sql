-- A row is known by its usage point and start: its id is the start in milliseconds before 1970, less one.
INSERT INTO import_row (line, usage_point, id, fresh, was)
SELECT l.line, u.number, k.id, i.id IS NULL, coalesce(i.outage, 0)
FROM import_line l
JOIN usage_point u ON u.id = l.id
CROSS JOIN LATERAL (SELECT -(extract(epoch FROM l.started) * 1000)::bigint - 1 AS id) k
LEFT JOIN interruption i ON i.usage_point = u.number AND i.id = k.id
LEFT JOIN outage o ON o.number = i.outage
WHERE i.id IS NULL OR (i.ended, coalesce(o.reference, ''), i.cause, i.phases, i.planned, i.withdrawn) IS DISTINCT FROM (l.ended, l.outage, l.cause, l.phases, l.planned, false)
