-- By the index on this very expression, both.
SELECT min(coalesce(started, not_before, '-infinity')), max(coalesce(started, not_before, '-infinity'))
FROM interruption WHERE coalesce(started, not_before, '-infinity') > '-infinity'
