CREATE TEMP TABLE import_line (line int NOT NULL, id text NOT NULL, organisation text NOT NULL, year int NOT NULL, index text NOT NULL, value text NOT NULL) ON COMMIT DROP
