-- organisation_node as the registry is now. Usage points that belong to no organisation stand as 0; a node that belongs to none says nothing.
WITH RECURSIVE place AS (
  SELECT v.node, v.parent, v.organisation
  FROM node_version v
  WHERE v.valid_from <= now() AND (v.valid_to > now() OR NOT EXISTS (SELECT FROM node_version w WHERE w.node = v.node AND w.valid_from > v.valid_from AND w.valid_from <= now()))
), direct AS (
  SELECT v.node, coalesce(v.organisation, 0) AS organisation
  FROM usage_point_version v
  WHERE v.valid_from <= now() AND (v.valid_to > now() OR NOT EXISTS (SELECT FROM usage_point_version w WHERE w.usage_point = v.usage_point AND w.valid_from > v.valid_from AND w.valid_from <= now()))
  GROUP BY 1, 2
  UNION
  SELECT node, organisation FROM place WHERE organisation IS NOT NULL
), up AS (
  SELECT node, organisation FROM direct
  UNION
  SELECT p.parent, u.organisation FROM up u JOIN place p ON p.node = u.node WHERE p.parent IS NOT NULL
), gone AS (
  DELETE FROM organisation_node o WHERE NOT EXISTS (SELECT FROM up u WHERE u.node = o.node AND u.organisation = o.organisation)
)
INSERT INTO organisation_node (node, organisation) SELECT node, organisation FROM up ON CONFLICT DO NOTHING
