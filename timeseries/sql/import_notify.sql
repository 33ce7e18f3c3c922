-- Delivered when the transaction commits; running head-ends load the registry again, and know by the version whether
-- they have it.
WITH version AS (
  INSERT INTO setting (name, value) VALUES ('registry', pg_current_xact_id()::text)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value
)
SELECT pg_notify('registry', $1)
