-- Usage points that belong to the part now, or belonged to it last. Index: usage_point_version (organisation, usage_point).
SELECT v.usage_point
FROM usage_point_version v
WHERE v.organisation = ANY ((SELECT part.mine())::int[]) AND v.valid_from <= now()
  AND (v.valid_to > now() OR NOT EXISTS (SELECT FROM usage_point_version w WHERE w.usage_point = v.usage_point AND w.valid_from > v.valid_from AND w.valid_from <= now()))
