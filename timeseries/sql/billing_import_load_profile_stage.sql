CREATE TEMP TABLE import_line (line int NOT NULL, id text NOT NULL, day text NOT NULL, minute smallint NOT NULL, share bigint NOT NULL) ON COMMIT DROP
