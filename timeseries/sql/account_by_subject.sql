-- Index: account (subject).
AND a.subject = $1
