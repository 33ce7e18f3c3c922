-- What is staged becomes current; what it looks like from this revision on is kept where who is out, where and how surely differs;
-- more evidence for the same alone is no step.
WITH fresh AS (
  SELECT DISTINCT ON (r.number) r.*, n.number AS node_number, u.number AS usage_point_number
  FROM record_outage r
  LEFT JOIN node n ON n.id = r.node
  LEFT JOIN usage_point u ON u.id = r.usage_point
  ORDER BY r.number, r.line DESC
), seen_to_change AS (
  INSERT INTO outage_change (outage, revision, at, state, node, customers, out, summary)
  SELECT f.number, $1, now(), f.state, f.node_number, f.customers, f.out, f.summary
  FROM fresh f LEFT JOIN outage o ON o.number = f.number
  WHERE (o.number, o.state, o.node, o.customers, o.out) IS DISTINCT FROM (f.number, f.state, f.node_number, f.customers, f.out)
)
INSERT INTO outage (number, reference, state, node, usage_point, part, phases, started, ended, odds, cause, planned, own, declared, plan, notice, overrun,
                    customers, out, seen, summary, trail, steps, revision, changed, reason)
SELECT number, reference, state, node_number, usage_point_number, part, phases, started, ended, odds, cause, planned, own, declared, plan, notice,
       overrun * INTERVAL '1 microsecond', customers, out, seen, summary, trail, steps, $1, now(), reason
FROM fresh
ON CONFLICT (number) DO UPDATE SET (reference, state, node, usage_point, part, phases, started, ended, odds, cause, planned, own, declared, plan, notice, overrun,
                    customers, out, seen, summary, trail, steps, revision, changed, reason)
  = ROW (EXCLUDED.reference, EXCLUDED.state, EXCLUDED.node, EXCLUDED.usage_point, EXCLUDED.part, EXCLUDED.phases, EXCLUDED.started, EXCLUDED.ended, EXCLUDED.odds,
         EXCLUDED.cause, EXCLUDED.planned, EXCLUDED.own, EXCLUDED.declared, EXCLUDED.plan, EXCLUDED.notice, EXCLUDED.overrun, EXCLUDED.customers, EXCLUDED.out,
         EXCLUDED.seen, EXCLUDED.summary, EXCLUDED.trail, EXCLUDED.steps, EXCLUDED.revision, EXCLUDED.changed, EXCLUDED.reason)
