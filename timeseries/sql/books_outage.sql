-- Faults and planned cuts that began in a time, with the window of their plan and where they were.
SELECT o.number, coalesce(n.id, ''), coalesce(i.point, o.usage_point, 0), coalesce(i.point, o.usage_point) IS NOT NULL, o.cause, o.planned, o.own, o.started,
       CASE WHEN o.state IN ('restored', 'closed') THEN coalesce(i.ended, o.ended) END, p.valid_from, p.valid_to, coalesce(o.notice, p.notice)
FROM outage o
LEFT JOIN node n ON n.number = o.node
LEFT JOIN plan p ON p.id = o.plan AND NOT p.dropped
LEFT JOIN LATERAL (
  SELECT min(usage_point) AS point, CASE WHEN bool_and(ended IS NOT NULL) THEN max(ended) END AS ended
  FROM interruption WHERE outage = o.number AND NOT withdrawn
) i ON true
WHERE o.state <> 'withdrawn' AND coalesce(o.started, o.changed) >= $1 AND coalesce(o.started, o.changed) < $2 AND o.started IS NOT NULL
ORDER BY o.number
