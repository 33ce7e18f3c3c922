-- From here on the readings themselves must be asked about what lies before.
WITH since AS (
  UPDATE billing_state SET noted_since = greatest(noted_since, $1::timestamptz + INTERVAL '1 hour')
)
DELETE FROM arrival WHERE hour < $1
