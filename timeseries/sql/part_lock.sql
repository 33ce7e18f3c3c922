SELECT pg_advisory_xact_lock(hashtext('lastgasp'), hashtext('part'))
