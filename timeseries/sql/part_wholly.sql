-- What of some nodes and usage points is not the part's own alone. Runs under part_limit.
SELECT 'node', n.id FROM node n WHERE n.id = ANY ($1::text[]) AND n.number NOT IN (SELECT node FROM part.own_node)
UNION ALL
SELECT 'node', x.id FROM unnest($1::text[]) AS x (id) WHERE x.id <> '' AND NOT EXISTS (SELECT FROM node n WHERE n.id = x.id)
UNION ALL
SELECT 'usage point', x.id FROM unnest($2::text[]) AS x (id) WHERE x.id <> '' AND NOT EXISTS (SELECT FROM usage_point u WHERE u.id = x.id)
LIMIT 1
