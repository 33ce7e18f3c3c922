SELECT count(*)::int FROM gap WHERE next IS NOT NULL AND state = 'requested'
