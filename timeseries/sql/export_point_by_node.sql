-- At or below a node now. Indexes: node_version (parent), usage_point_version (node).
AND u.number IN (
  WITH RECURSIVE below AS (
    SELECT number FROM node WHERE id = $8
    UNION
    SELECT v.node FROM below b JOIN node_version v ON v.parent = b.number AND v.valid_from <= now() AND now() < v.valid_to
  )
  SELECT pv.usage_point FROM below b JOIN usage_point_version pv ON pv.node = b.number AND pv.valid_from <= now() AND now() < pv.valid_to
)
