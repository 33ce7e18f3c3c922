-- The registry: what there is and how it hangs together, valid in time. Numbers are ours and short, ids are
-- what the world calls a thing.

CREATE TABLE setting (
  name  text PRIMARY KEY,
  value text NOT NULL
);
COMMENT ON TABLE setting IS 'what was fixed when this store was made and must not change under it';
INSERT INTO setting (name, value) VALUES ('engine', '{{.engine}}'), ('zone', '{{.zone}}');

CREATE TABLE organisation (
  number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id     text NOT NULL UNIQUE
);
CREATE TABLE organisation_version (
  organisation int NOT NULL REFERENCES organisation,
  valid_from   timestamptz NOT NULL,
  valid_to     timestamptz NOT NULL DEFAULT 'infinity',
  name         text NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('corporation', 'company', 'district')),
  parent       int REFERENCES organisation,
  PRIMARY KEY (organisation, valid_from),
  CHECK (valid_from < valid_to)
);
CREATE INDEX ON organisation_version (parent);

CREATE TABLE node (
  number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id     text NOT NULL UNIQUE
);
CREATE TABLE node_version (
  node         int NOT NULL REFERENCES node,
  valid_from   timestamptz NOT NULL,
  valid_to     timestamptz NOT NULL DEFAULT 'infinity',
  name         text NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('substation', 'feeder', 'switch', 'transformer')),
  parent       int REFERENCES node,
  organisation int REFERENCES organisation,
  rated_kva    double precision CHECK (rated_kva > 0),
  PRIMARY KEY (node, valid_from),
  CHECK (valid_from < valid_to)
);
CREATE INDEX ON node_version (parent);

CREATE TABLE usage_point (
  number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id     text NOT NULL UNIQUE
);
CREATE TABLE usage_point_version (
  usage_point  int NOT NULL REFERENCES usage_point,
  valid_from   timestamptz NOT NULL,
  valid_to     timestamptz NOT NULL DEFAULT 'infinity',
  name         text NOT NULL DEFAULT '',
  address      text NOT NULL DEFAULT '',
  node         int NOT NULL REFERENCES node,
  organisation int REFERENCES organisation,
  phases       smallint NOT NULL CHECK (phases BETWEEN 0 AND 7),
  PRIMARY KEY (usage_point, valid_from),
  CHECK (valid_from < valid_to)
);
CREATE INDEX ON usage_point_version (node);

CREATE TABLE device (
  number      int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id          text NOT NULL UNIQUE,
  kind        text NOT NULL CHECK (kind IN ('meter', 'gateway', 'rtu')),
  state       text NOT NULL CHECK (state IN ('unassigned', 'active', 'retired')),
  protocol    text NOT NULL DEFAULT '',
  address     text NOT NULL DEFAULT '',
  profile     text NOT NULL DEFAULT '',
  gateway     int REFERENCES device,
  secret_salt bytea,
  secret_hash bytea,
  first_seen  timestamptz NOT NULL DEFAULT now(),
  CHECK ((secret_salt IS NULL) = (secret_hash IS NULL))
);
COMMENT ON COLUMN device.secret_hash IS 'SHA-256 of salt and password; passwords are long random strings, see docs/decisions';
CREATE INDEX ON device (number) WHERE state = 'unassigned';

CREATE TABLE installation (
  device      int NOT NULL REFERENCES device,
  usage_point int NOT NULL REFERENCES usage_point,
  valid_from  timestamptz NOT NULL,
  valid_to    timestamptz NOT NULL DEFAULT 'infinity',
  PRIMARY KEY (device, valid_from),
  CHECK (valid_from < valid_to)
);
CREATE INDEX ON installation (usage_point, valid_from);
COMMENT ON TABLE installation IS 'meter device measured usage_point from valid_from until valid_to; a device is in one place at a time';

CREATE FUNCTION installation_alone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM installation o
             WHERE o.device = NEW.device AND o.valid_from <> NEW.valid_from
               AND o.valid_from < NEW.valid_to AND NEW.valid_from < o.valid_to) THEN
    RAISE EXCEPTION 'device % is already installed somewhere in that time', NEW.device USING ERRCODE = 'exclusion_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE CONSTRAINT TRIGGER installation_alone AFTER INSERT OR UPDATE ON installation
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION installation_alone();
