-- The first of some ids that the registry does not know.
SELECT 'node', id FROM unnest($1::text[]) AS x (id) WHERE id <> '' AND NOT EXISTS (SELECT FROM node n WHERE n.id = x.id)
UNION ALL
SELECT 'usage point', id FROM unnest($2::text[]) AS x (id) WHERE id <> '' AND NOT EXISTS (SELECT FROM usage_point u WHERE u.id = x.id)
UNION ALL
SELECT 'outage', number::text FROM unnest($3::bigint[]) AS x (number) WHERE number <> 0 AND NOT EXISTS (SELECT FROM outage o WHERE o.number = x.number)
LIMIT 1
