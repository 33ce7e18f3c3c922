-- Outages at nodes and usage points of the part; and those that reach beyond it, with its own customers counted and
-- without the words in which the others are.
SELECT o.number, o.reference, o.state, o.node, o.usage_point, o.part, o.phases, o.started, o.ended, o.odds, o.cause, o.planned, o.own, o.declared, o.plan,
       o.notice, o.overrun, CASE WHEN w.whole THEN o.customers ELSE k.customers END AS customers, CASE WHEN w.whole THEN o.out ELSE k.out END AS out,
       CASE WHEN w.whole THEN o.seen ELSE k.seen END AS seen,
       CASE WHEN w.whole THEN o.summary ELSE 'reaches beyond your part of the organisation, whose customers alone are counted here' END AS summary,
       CASE WHEN w.whole THEN o.trail ELSE '{}' END AS trail, CASE WHEN w.whole THEN o.steps ELSE '[]' END AS steps, o.revision, o.changed, o.reason
FROM outage o
CROSS JOIN LATERAL (SELECT coalesce(o.node IN (SELECT node FROM part.own_node), o.usage_point IN (SELECT usage_point FROM part.own_point), false) AS whole) w
LEFT JOIN LATERAL (
  SELECT count(*) AS rows, (count(*) FILTER (WHERE NOT i.withdrawn))::int AS customers, (count(*) FILTER (WHERE NOT i.withdrawn AND i.ended IS NULL))::int AS out,
         (count(*) FILTER (WHERE NOT i.withdrawn AND NOT i.inferred))::int AS seen
  FROM interruption i
  WHERE NOT w.whole AND i.outage = o.number AND i.usage_point IN (SELECT usage_point FROM part.own_point)
) k ON true
WHERE w.whole OR k.rows > 0
