CREATE TEMP TABLE import_line (line int NOT NULL, id text NOT NULL, side text NOT NULL, sign smallint NOT NULL, point text NOT NULL, register text NOT NULL, label text NOT NULL) ON COMMIT DROP
