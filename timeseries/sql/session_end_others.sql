-- All sessions of an account but one.
DELETE FROM session WHERE account = $1 AND hash IS DISTINCT FROM $2::bytea
