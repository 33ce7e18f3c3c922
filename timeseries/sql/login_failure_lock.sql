SELECT count, last FROM login_failure WHERE name = lower($1) FOR UPDATE
