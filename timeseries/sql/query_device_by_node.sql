-- Meters at or below a node now. Indexes: node_version (parent), usage_point_version (node), installation (usage_point,
-- valid_from).
AND d.number IN (
  WITH RECURSIVE below AS (
    SELECT number FROM node WHERE id = $6
    UNION
    SELECT v.node FROM below b JOIN node_version v ON v.parent = b.number AND v.valid_from <= now() AND now() < v.valid_to
  )
  SELECT pi.device
  FROM below b
  JOIN usage_point_version pv ON pv.node = b.number AND pv.valid_from <= now() AND now() < pv.valid_to
  JOIN installation pi ON pi.usage_point = pv.usage_point AND pi.valid_from <= now() AND now() < pi.valid_to
)
