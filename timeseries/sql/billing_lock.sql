-- What billing asks runs for long enough that the planner would compile it, which takes longer than to run it.
SELECT pg_try_advisory_xact_lock(hashtext('lastgasp billing')), set_config('jit', 'off', true)
