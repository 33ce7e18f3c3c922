INSERT INTO period (organisation, month, policy, number, revision, as_of, by, reason, figures, difference)
SELECT o.number, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM organisation o WHERE o.id = $1
RETURNING closed
