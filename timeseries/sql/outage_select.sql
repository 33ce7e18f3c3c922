-- Outages. In place of the mark stand conditions and an order.
SELECT o.number, o.reference, o.state, coalesce(n.id, ''), coalesce(u.id, ''), o.part, o.phases, o.started, o.ended, o.odds, o.cause, o.planned, o.own,
       o.declared, o.plan, o.notice, o.overrun, o.customers, o.out, o.seen, o.summary, o.trail, o.steps, o.revision, o.changed, o.reason
FROM outage o
LEFT JOIN node n ON n.number = o.node
LEFT JOIN usage_point u ON u.number = o.usage_point
WHERE true /*picked*/
