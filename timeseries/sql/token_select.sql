-- Tokens with their owners. In place of the mark stand conditions and an order.
SELECT t.number, t.name, coalesce(t.account, 0), coalesce(a.name, ''), t.permissions, t.organisations, t.made, t.by, t.expires, t.used, t.revoked
FROM token t LEFT JOIN account a ON a.number = t.account
WHERE true /*picked*/
