-- Held until the connection ends.
SELECT pg_try_advisory_lock(hashtext('lastgasp detection'))
