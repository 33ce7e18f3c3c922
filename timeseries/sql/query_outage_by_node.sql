-- At or below a node when it began. Indexes: node_version (parent), usage_point_version (node); outages are read through.
AND o.number IN (
  WITH RECURSIVE below AS (
    SELECT number AS node, '-infinity'::timestamptz AS valid_from, 'infinity'::timestamptz AS valid_to FROM node WHERE id = $10
    UNION
    SELECT v.node, greatest(b.valid_from, v.valid_from), least(b.valid_to, v.valid_to)
    FROM below b JOIN node_version v ON v.parent = b.node AND v.valid_from < b.valid_to AND b.valid_from < v.valid_to
  ), places AS (
    SELECT number, node, usage_point, coalesce(started, changed) AS at FROM outage
  )
  SELECT p.number FROM places p JOIN below b ON b.node = p.node AND b.valid_from <= p.at AND p.at < b.valid_to
  UNION
  SELECT p.number FROM places p
  JOIN usage_point_version v ON v.usage_point = p.usage_point AND v.valid_from <= p.at AND p.at < v.valid_to
  JOIN below b ON b.node = v.node AND b.valid_from <= p.at AND p.at < b.valid_to
)
