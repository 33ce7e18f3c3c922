-- Oldest first, above a number. Index: the primary key.
SELECT number, at, who, role, address, what, target, before, after, previous, hash
FROM audit WHERE number > $1 ORDER BY number LIMIT $2
