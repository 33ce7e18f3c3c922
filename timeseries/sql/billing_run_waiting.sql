-- The oldest run that nobody makes; who has the row locked makes it.
WHERE state = 'asked' AND ($1 = 0 OR number = $1) ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
