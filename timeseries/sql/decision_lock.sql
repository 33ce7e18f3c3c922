-- Takes turns with the detector and other writers of the ledger; whether the outage is closed.
WITH turn AS MATERIALIZED (SELECT one FROM detection FOR UPDATE)
SELECT EXISTS (SELECT FROM outage WHERE number = $1 AND number > 0 AND state = 'closed') FROM turn
