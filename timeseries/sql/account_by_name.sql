-- Index: account_name.
AND lower(a.name) = lower($1)
