CREATE TEMP TABLE IF NOT EXISTS record_outage (
  line int NOT NULL, number bigint NOT NULL, reference text NOT NULL, state text NOT NULL, node text NOT NULL, usage_point text NOT NULL,
  part boolean NOT NULL, phases smallint NOT NULL, started timestamptz, ended timestamptz, odds double precision NOT NULL, cause text NOT NULL,
  planned boolean NOT NULL, own boolean NOT NULL, declared boolean NOT NULL, plan text NOT NULL, notice timestamptz, overrun bigint NOT NULL,
  customers int NOT NULL, out int NOT NULL, seen int NOT NULL, summary text NOT NULL, trail text[] NOT NULL, steps jsonb NOT NULL, reason text NOT NULL
) ON COMMIT DELETE ROWS
