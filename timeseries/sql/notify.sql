-- Delivered when the transaction commits.
SELECT pg_notify($1, '')
