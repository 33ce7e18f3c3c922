-- That belong to an organisation or one below it, now or last.
AND (SELECT v.organisation FROM usage_point_version v WHERE v.usage_point = u.number ORDER BY v.valid_from DESC LIMIT 1) IN (
  WITH RECURSIVE part AS (
    SELECT number FROM organisation WHERE id = $4
    UNION
    SELECT ov.organisation FROM part p JOIN organisation_version ov ON ov.parent = p.number AND ov.valid_from <= now() AND now() < ov.valid_to
  )
  SELECT number FROM part
)
