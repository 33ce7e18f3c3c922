-- Gaps in the order of their beginning. Of an organisation: of it and those below, now.
SELECT g.number, u.id, g.quantity, g.gap_from, g.gap_to, g.state, g.attempts, g.opened, g.changed, g.next
FROM gap g JOIN usage_point u ON u.number = g.usage_point
WHERE g.number > $1 AND ($3 = '' OR u.id = $3) AND ($4 = '' OR g.state = $4) AND ($5 = '' OR g.quantity = $5)
  AND ($6::timestamptz IS NULL OR g.gap_to > $6) AND ($7::timestamptz IS NULL OR g.gap_from < $7)
  AND ($8 = '' OR EXISTS (
    SELECT FROM usage_point_version v WHERE v.usage_point = g.usage_point AND v.valid_from <= now() AND now() < v.valid_to AND v.organisation IN (
      WITH RECURSIVE part AS (
        SELECT number FROM organisation WHERE id = $8
        UNION
        SELECT ov.organisation FROM part p JOIN organisation_version ov ON ov.parent = p.number AND ov.valid_from <= now() AND now() < ov.valid_to
      )
      SELECT number FROM part)))
ORDER BY g.number LIMIT $2
