-- The first account, unless there is one already. The caller holds the lock of the table.
INSERT INTO account (name, role, organisations, language, password, made)
SELECT $1, 'administrator', '{}', $2, $3, $4 WHERE NOT EXISTS (SELECT FROM account)
RETURNING number
