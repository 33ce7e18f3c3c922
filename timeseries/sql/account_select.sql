-- Accounts. In place of the mark stand conditions and an order.
SELECT a.number, a.name, a.role, a.organisations, a.language, coalesce(a.password, ''), coalesce(a.subject, ''), a.disabled, a.made
FROM account a
WHERE true /*picked*/
