-- Cells are looked up and written by key, some thousand at once. Without statistics, in the transaction that makes them, the
-- planner would read all of them for each statement.
SELECT pg_try_advisory_xact_lock(hashtext('lastgasp books')),
       set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), set_config('enable_seqscan', 'off', true)
