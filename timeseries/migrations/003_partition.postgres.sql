-- Partitions by month, made ahead of time by maintenance and on demand for late data.

CREATE FUNCTION make_partition(parent text, month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  name text := parent || to_char(month, '_YYYY_MM');
BEGIN
  IF to_regclass(name) IS NULL THEN
    PERFORM pg_advisory_xact_lock(hashtext('make_partition'));
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
      name, parent, month::timestamp AT TIME ZONE 'UTC', (month + INTERVAL '1 month')::timestamp AT TIME ZONE 'UTC');
  END IF;
END $$;

CREATE TABLE rollup_change (
  hour timestamptz NOT NULL
);
COMMENT ON TABLE rollup_change IS 'hours with readings newer than their roll-up; one row a commit and hour, without a key so that commits never wait for each other';
