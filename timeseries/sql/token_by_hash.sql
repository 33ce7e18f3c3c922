-- Index: token (hash).
AND t.hash = $1
