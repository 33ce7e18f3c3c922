CREATE TEMP TABLE import_line (line int NOT NULL, id text NOT NULL, organisation text NOT NULL, month date NOT NULL, customers bigint NOT NULL) ON COMMIT DROP
