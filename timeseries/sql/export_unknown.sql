-- The first of the names of a selection that there is nothing of, and what it should have been.
SELECT what, id FROM (
  SELECT 'device' AS what, n AS id FROM unnest($1::text[]) n WHERE NOT EXISTS (SELECT FROM metering_device WHERE id = n)
  UNION ALL
  SELECT 'usage point', n FROM unnest($2::text[]) n WHERE NOT EXISTS (SELECT FROM usage_point WHERE id = n)
  UNION ALL
  SELECT 'organisation', $3 WHERE $3 <> '' AND NOT EXISTS (SELECT FROM organisation WHERE id = $3)
  UNION ALL
  SELECT 'node', $4 WHERE $4 <> '' AND NOT EXISTS (SELECT FROM node WHERE id = $4)
) unknown LIMIT 1
