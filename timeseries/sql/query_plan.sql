-- Index: the primary key.
AND p.id = $1
