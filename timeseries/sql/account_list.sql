-- In the order of their names. Index: account_name.
AND lower(a.name) > lower($1) ORDER BY lower(a.name) LIMIT $2
