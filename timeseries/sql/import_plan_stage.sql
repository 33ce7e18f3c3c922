CREATE TEMP TABLE import_line (
  line int NOT NULL,
  id text NOT NULL,
  kind text NOT NULL,
  node text NOT NULL,
  usage_points text[] NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz NOT NULL,
  reason text NOT NULL,
  notice timestamptz,
  dropped boolean NOT NULL
) ON COMMIT DROP
