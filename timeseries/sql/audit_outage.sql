-- What somebody decides about, of an outage. Index: the primary key.
SELECT o.state, coalesce(n.id, ''), coalesce(u.id, ''), o.cause, o.planned, o.own, o.declared
FROM outage o LEFT JOIN node n ON n.number = o.node LEFT JOIN usage_point u ON u.number = o.usage_point
WHERE o.number = $1
