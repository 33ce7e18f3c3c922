-- The rows of a closed outage that a decision changes, as they are then: all of them, or with own and not_own the one of a usage point at a moment.
INSERT INTO record_interruption (usage_point, id, outage, started, ended, not_before, start_by, end_by, phases, cause, planned, own, declared, inferred, withdrawn, reason)
SELECT i.usage_point, i.id, i.outage, i.started, i.ended, i.not_before, i.start_by, i.end_by, i.phases, n.cause, n.planned, n.own, n.declared, i.inferred, i.withdrawn, $6
FROM interruption i, LATERAL (
  SELECT CASE $2::text WHEN 'cause' THEN $3 ELSE i.cause END AS cause,
         CASE $2 WHEN 'planned' THEN true WHEN 'unplanned' THEN false ELSE i.planned END AS planned,
         CASE $2 WHEN 'own' THEN true WHEN 'not_own' THEN false ELSE i.own END AS own,
         CASE $2 WHEN 'declared' THEN true WHEN 'undeclared' THEN false ELSE i.declared END AS declared
) n
WHERE i.outage = $1 AND NOT i.withdrawn AND (i.cause, i.planned, i.own, i.declared) IS DISTINCT FROM (n.cause, n.planned, n.own, n.declared)
  AND ($2 NOT IN ('own', 'not_own') OR i.id = (
    SELECT x.id FROM interruption x JOIN usage_point u ON u.number = x.usage_point
    WHERE x.outage = $1 AND x.usage_point = i.usage_point AND u.id = $4 AND NOT x.withdrawn
      AND coalesce(x.started, x.not_before, '-infinity') <= $5::timestamptz + INTERVAL '15 minutes'
    ORDER BY coalesce(x.started, x.not_before, '-infinity') DESC LIMIT 1))
