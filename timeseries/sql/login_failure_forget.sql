DELETE FROM login_failure WHERE name = lower($1)
