CREATE TEMP TABLE IF NOT EXISTS record_interruption (
  usage_point int NOT NULL, id bigint NOT NULL, outage bigint NOT NULL, started timestamptz, ended timestamptz, not_before timestamptz,
  start_by smallint NOT NULL, end_by smallint NOT NULL, phases smallint NOT NULL, cause text NOT NULL, planned boolean NOT NULL, own boolean NOT NULL,
  declared boolean NOT NULL, inferred boolean NOT NULL, withdrawn boolean NOT NULL, reason text NOT NULL
) ON COMMIT DELETE ROWS
