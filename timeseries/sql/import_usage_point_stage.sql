CREATE TEMP TABLE import_line (
  line int NOT NULL,
  id text NOT NULL,
  name text NOT NULL,
  address text NOT NULL,
  node text NOT NULL,
  organisation text NOT NULL,
  phases smallint,
  generation boolean NOT NULL,
  connected_va bigint NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz NOT NULL
) ON COMMIT DROP
