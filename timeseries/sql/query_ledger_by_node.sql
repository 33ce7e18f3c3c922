-- Of usage points at or below a node when it began. Indexes: node_version (parent), usage_point_version (node).
AND EXISTS (
  SELECT FROM (
    WITH RECURSIVE below AS (
      SELECT number AS node, '-infinity'::timestamptz AS valid_from, 'infinity'::timestamptz AS valid_to FROM node WHERE id = $10
      UNION
      SELECT v.node, greatest(b.valid_from, v.valid_from), least(b.valid_to, v.valid_to)
      FROM below b JOIN node_version v ON v.parent = b.node AND v.valid_from < b.valid_to AND b.valid_from < v.valid_to
    )
    SELECT v.usage_point, greatest(b.valid_from, v.valid_from) AS valid_from, least(b.valid_to, v.valid_to) AS valid_to
    FROM below b JOIN usage_point_version v ON v.node = b.node AND v.valid_from < b.valid_to AND b.valid_from < v.valid_to
  ) h
  WHERE h.usage_point = i.usage_point AND h.valid_from <= coalesce(i.started, i.not_before, i.ended) AND coalesce(i.started, i.not_before, i.ended) < h.valid_to
)
