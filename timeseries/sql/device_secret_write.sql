-- Running head-ends read this device again when they are told, at the commit. One that does not listen just then sees by the
-- version of the registry that it has to read all of it.
WITH written AS (
  UPDATE device SET secret_salt = $2, secret_hash = $3 WHERE number = $1
), version AS (
  INSERT INTO setting (name, value) VALUES ('registry', pg_current_xact_id()::text)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value
)
SELECT pg_notify('credential', $4)
