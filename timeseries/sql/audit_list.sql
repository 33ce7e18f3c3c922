-- Newest first, below a number. Index: the primary key.
SELECT number, at, who, role, address, what, target, before, after, previous, hash
FROM audit
WHERE number < $1 AND ($3 = '' OR who = $3) AND ($4 = '' OR what = $4) AND ($5 = '' OR target = $5)
  AND ($6::timestamptz IS NULL OR at >= $6) AND ($7::timestamptz IS NULL OR at < $7)
ORDER BY number DESC LIMIT $2
