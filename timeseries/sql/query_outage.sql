-- Index: the primary key.
AND o.number = $1
