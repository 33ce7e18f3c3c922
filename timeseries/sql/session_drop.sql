-- What is over: sessions, and failures that lock nobody any more.
WITH gone AS (DELETE FROM session WHERE expires < $1)
DELETE FROM login_failure WHERE last < $1::timestamptz - INTERVAL '1 day'
