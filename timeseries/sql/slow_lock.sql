SELECT pg_advisory_xact_lock(hashtext('lastgasp slow append'))
