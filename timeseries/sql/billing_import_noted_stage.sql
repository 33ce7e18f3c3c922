CREATE TEMP TABLE import_line (line int NOT NULL, id text NOT NULL, device text NOT NULL, time timestamptz NOT NULL, quantity text NOT NULL, wh bigint NOT NULL) ON COMMIT DROP
