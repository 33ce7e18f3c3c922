-- Of an organisation or one below it now. Index: organisation_version (parent).
AND u.number IN (
  WITH RECURSIVE part AS (
    SELECT number FROM organisation WHERE id = $7
    UNION
    SELECT ov.organisation FROM part p JOIN organisation_version ov ON ov.parent = p.number AND ov.valid_from <= now() AND now() < ov.valid_to
  )
  SELECT pv.usage_point FROM part p JOIN usage_point_version pv ON pv.organisation = p.number AND pv.valid_from <= now() AND now() < pv.valid_to
)
