-- import_row holds what the file changes: usage points by number, rows with their id.
CREATE TEMP TABLE import_line (
  line int NOT NULL,
  id text NOT NULL,
  started timestamptz NOT NULL,
  ended timestamptz NOT NULL,
  outage text NOT NULL,
  cause text NOT NULL,
  phases smallint NOT NULL,
  planned boolean NOT NULL
) ON COMMIT DROP;
CREATE TEMP TABLE import_row (
  line int NOT NULL,
  usage_point int NOT NULL,
  id bigint NOT NULL,
  fresh boolean NOT NULL,
  was bigint NOT NULL
) ON COMMIT DROP
