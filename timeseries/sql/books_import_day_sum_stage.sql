CREATE TEMP TABLE import_line (line int NOT NULL, id text NOT NULL, organisation text NOT NULL, day date NOT NULL, customers bigint NOT NULL,
  ci bigint NOT NULL, cms bigint NOT NULL) ON COMMIT DROP
