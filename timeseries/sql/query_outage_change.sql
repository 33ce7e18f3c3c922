-- Index: the primary key.
SELECT c.revision, c.at, c.state, coalesce(n.id, ''), c.customers, c.out, c.summary
FROM outage_change c LEFT JOIN node n ON n.number = c.node WHERE c.outage = $1 ORDER BY c.revision
