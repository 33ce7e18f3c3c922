-- What nodes and usage points are called and which feeder and organisation they belong to, by their last versions. Indexes: the
-- unique ids, and the primary keys of the versions.
WITH RECURSIVE asked AS (
  SELECT n.id AS node, '' AS usage_point, v.name, v.organisation, n.number AS at
  FROM node n CROSS JOIN LATERAL (SELECT name, organisation FROM node_version WHERE node = n.number ORDER BY valid_from DESC LIMIT 1) v
  WHERE n.id = ANY ($1::text[])
  UNION ALL
  SELECT '', u.id, v.name, v.organisation, v.node
  FROM usage_point u CROSS JOIN LATERAL (SELECT name, organisation, node FROM usage_point_version WHERE usage_point = u.number ORDER BY valid_from DESC LIMIT 1) v
  WHERE u.id = ANY ($2::text[])
), up AS (
  SELECT node, usage_point, at, 0 AS level FROM asked
  UNION ALL
  SELECT u.node, u.usage_point, v.parent, u.level + 1
  FROM up u CROSS JOIN LATERAL (SELECT kind, parent FROM node_version WHERE node = u.at ORDER BY valid_from DESC LIMIT 1) v
  WHERE v.parent IS NOT NULL AND v.kind <> 'feeder' AND u.level < 32
)
SELECT a.node, a.usage_point, a.name, coalesce(f.id, ''), coalesce(f.name, ''), coalesce(o.id, ''), coalesce(o.name, '')
FROM asked a
LEFT JOIN LATERAL (
  SELECT n.id, v.name FROM up u JOIN node n ON n.number = u.at
  CROSS JOIN LATERAL (SELECT name, kind FROM node_version WHERE node = u.at ORDER BY valid_from DESC LIMIT 1) v
  WHERE u.node = a.node AND u.usage_point = a.usage_point AND v.kind = 'feeder' LIMIT 1
) f ON true
LEFT JOIN LATERAL (
  SELECT o.id, v.name FROM organisation o JOIN organisation_version v ON v.organisation = o.number
  WHERE o.number = a.organisation ORDER BY v.valid_from DESC LIMIT 1
) o ON true
