-- Index: the primary keys.
SELECT s.made, s.seen, s.expires, a.number, a.name, a.role, a.organisations, a.language, coalesce(a.password, ''), coalesce(a.subject, ''), a.disabled, a.made
FROM session s JOIN account a ON a.number = s.account
WHERE s.hash = $1
