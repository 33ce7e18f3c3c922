CREATE TEMP TABLE import_line (
  line int NOT NULL,
  id text NOT NULL,
  kind text NOT NULL,
  protocol text NOT NULL,
  address text NOT NULL,
  profile text NOT NULL,
  gateway text NOT NULL,
  usage_point text NOT NULL,
  node text NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz NOT NULL
) ON COMMIT DROP
