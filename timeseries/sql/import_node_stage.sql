CREATE TEMP TABLE import_line (
  line int NOT NULL,
  id text NOT NULL,
  name text NOT NULL,
  kind text NOT NULL,
  parent text NOT NULL,
  organisation text NOT NULL,
  rated_kva double precision,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz NOT NULL
) ON COMMIT DROP
