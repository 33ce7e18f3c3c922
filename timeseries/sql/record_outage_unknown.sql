SELECT 'node', node FROM record_outage r WHERE node <> '' AND NOT EXISTS (SELECT FROM node n WHERE n.id = r.node)
UNION ALL
SELECT 'usage point', usage_point FROM record_outage r WHERE usage_point <> '' AND NOT EXISTS (SELECT FROM usage_point u WHERE u.id = r.usage_point)
LIMIT 1
