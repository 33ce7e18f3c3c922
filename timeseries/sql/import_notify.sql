-- Delivered when the transaction commits; running head-ends load the registry again.
SELECT pg_notify('registry', $1)
