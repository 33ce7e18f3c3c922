-- By the organisation that a usage point belonged to then.
SELECT s.* FROM read_success s WHERE s.organisation = ANY ((SELECT part.mine())::int[])
