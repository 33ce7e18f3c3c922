-- Administrators of everything who may log in.
SELECT count(*) FROM account WHERE role = 'administrator' AND cardinality(organisations) = 0 AND disabled IS NULL
