-- Decisions. In place of the mark stand further conditions.
SELECT d.number, d.kind, d.made, d.by, d.note, d.outage, coalesce(n.id, ''), coalesce(u.id, ''), d.moment, d.cause, coalesce(part.id, ''),
       d.other_outage, coalesce(o.id, ''), coalesce(op.id, ''), d.other_moment
FROM decision d
LEFT JOIN node n ON n.number = d.node
LEFT JOIN usage_point u ON u.number = d.usage_point
LEFT JOIN node part ON part.number = d.part
LEFT JOIN node o ON o.number = d.other_node
LEFT JOIN usage_point op ON op.number = d.other_point
WHERE true /*picked*/
ORDER BY d.number
