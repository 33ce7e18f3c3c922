-- One import at a time; the registry stays readable meanwhile. What an import keeps while it runs:
-- import_refused the lines that leave, import_new and import_changed the ids its writes touched.
SELECT pg_advisory_xact_lock(hashtext('lastgasp import'));
CREATE TEMP TABLE import_refused (line int NOT NULL, id text NOT NULL, reason text NOT NULL) ON COMMIT DROP;
CREATE TEMP TABLE import_new (id text NOT NULL) ON COMMIT DROP;
CREATE TEMP TABLE import_changed (id text NOT NULL) ON COMMIT DROP;
CREATE TEMP TABLE import_secret (number int NOT NULL, salt bytea NOT NULL, hash bytea NOT NULL) ON COMMIT DROP;
CREATE OR REPLACE FUNCTION pg_temp.moment(t timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
SELECT CASE WHEN t = 'infinity' THEN 'no end'
            ELSE to_char(t AT TIME ZONE (SELECT value FROM setting WHERE name = 'zone'), 'YYYY-MM-DD HH24:MI') END
$$;
CREATE OR REPLACE FUNCTION pg_temp.refused_definition(wanted text) RETURNS text LANGUAGE sql STABLE AS $$
SELECT coalesce((SELECT ', and line ' || min(line) || ', which would define it, is refused' FROM import_refused WHERE id = wanted), '')
$$;
