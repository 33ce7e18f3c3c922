-- Index: gap (next).
SELECT g.number, u.id, g.quantity, g.gap_from, g.gap_to, g.state, g.attempts, g.opened, g.changed, g.next
FROM gap g JOIN usage_point u ON u.number = g.usage_point
WHERE g.next <= $1
ORDER BY g.next, g.number LIMIT $2
