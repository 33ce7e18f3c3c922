-- Gaps of the usage points of meters that are not filled and reach into a time. Indexes: installation (device, valid_from), gap
-- (usage_point, quantity, gap_to).
SELECT DISTINCT g.number, u.id, g.quantity, g.gap_from, g.gap_to, g.state, g.attempts, g.opened, g.changed, g.next
FROM installation i JOIN gap g ON g.usage_point = i.usage_point JOIN usage_point u ON u.number = g.usage_point
WHERE i.device = ANY ($1) AND i.valid_from < $3 AND $2 < i.valid_to AND g.gap_to >= $2 AND g.gap_from < $3 AND g.state <> 'filled'
ORDER BY u.id, g.quantity, g.gap_from
