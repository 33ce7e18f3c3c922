-- Findings in the order of time. Index: the primary key.
SELECT u.id, f.usage_point, f.quantity, f.rule, f.found_from, f.found_to, f.detail, f.found, f.gone
FROM finding f JOIN usage_point u ON u.number = f.usage_point
WHERE f.found_from >= $1 AND f.found_from < $2 AND ($3 = '' OR u.id = $3) AND ($4 = '' OR f.rule = $4) AND ($5 OR f.gone IS NULL)
  AND ($6 = '' OR EXISTS (
    SELECT FROM usage_point_version v WHERE v.usage_point = f.usage_point AND v.valid_from <= now() AND now() < v.valid_to AND v.organisation IN (
      WITH RECURSIVE part AS (
        SELECT number FROM organisation WHERE id = $6
        UNION
        SELECT ov.organisation FROM part p JOIN organisation_version ov ON ov.parent = p.number AND ov.valid_from <= now() AND now() < ov.valid_to
      )
      SELECT number FROM part)))
  AND (f.found_from, u.id, f.quantity, f.rule) > ($7, $8, $9, $10)
ORDER BY f.found_from, u.id, f.quantity, f.rule LIMIT $11
