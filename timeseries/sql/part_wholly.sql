-- What of some organisations, nodes and usage points is not the part's own alone.
SELECT 'organisation', x.id FROM unnest($1::text[]) AS x (id) WHERE x.id <> '' AND NOT EXISTS (SELECT FROM organisation o WHERE o.id = x.id)
UNION ALL
SELECT 'node', x.id FROM unnest($2::text[]) AS x (id)
WHERE x.id <> '' AND NOT EXISTS (SELECT FROM node n WHERE n.id = x.id AND n.number IN (SELECT node FROM part.own_node))
UNION ALL
SELECT 'usage point', x.id FROM unnest($3::text[]) AS x (id) WHERE x.id <> '' AND NOT EXISTS (SELECT FROM usage_point u WHERE u.id = x.id)
LIMIT 1
