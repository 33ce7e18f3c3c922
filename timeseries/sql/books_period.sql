SELECT o.id, p.month, p.policy, p.number, p.revision, p.as_of, p.by, p.closed, p.reason, p.figures::text, p.difference::text
FROM period p JOIN organisation o ON o.number = p.organisation
WHERE ($1 = '' OR o.id = $1) AND ($2::date IS NULL OR p.month = $2) AND ($3 = '' OR p.policy = $3) AND ($4 = 0 OR p.number = $4)
ORDER BY p.month, o.id, p.policy, p.number
