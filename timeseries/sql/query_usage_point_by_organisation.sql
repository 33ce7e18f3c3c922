-- Of an organisation or one below it now. Index: organisation_version (parent); usage points are met in the order of ids.
AND v.organisation IN (
  WITH RECURSIVE part AS (
    SELECT number FROM organisation WHERE id = $4
    UNION
    SELECT ov.organisation FROM part p JOIN organisation_version ov ON ov.parent = p.number AND ov.valid_from <= now() AND now() < ov.valid_to
  )
  SELECT number FROM part
)
