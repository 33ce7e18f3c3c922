-- Nothing where another attempt has begun since.
UPDATE webhook_delivery SET reason = $3, due = now() + $4 * INTERVAL '1 microsecond',
  state = CASE WHEN $5 THEN 'given_up' ELSE state END, ended = CASE WHEN $5 THEN now() END
WHERE number = $1 AND attempts = $2 AND state = 'waiting'
