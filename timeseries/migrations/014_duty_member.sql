-- Notes of late readings that nobody takes, because billing is enabled nowhere, do not stay for ever. And who owes what, joined once for
-- each change of the registry: joined anew each hour it costs more than to look who has done it.

ALTER TABLE late_read ADD COLUMN noted timestamptz NOT NULL DEFAULT now();

CREATE TABLE duty_state (
  one     boolean PRIMARY KEY DEFAULT true CHECK (one),
  changes bigint NOT NULL DEFAULT 1
);
INSERT INTO duty_state DEFAULT VALUES;
COMMENT ON COLUMN duty_state.changes IS 'grows with every change of the registry that concerns who owes registers';
ALTER TABLE billing_state ADD COLUMN members bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN billing_state.members IS 'duty_state.changes of which duty_member was made';

CREATE TABLE duty_part (
  number       int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organisation int NOT NULL,
  gateway      int NOT NULL,
  model        text NOT NULL,
  UNIQUE (organisation, gateway, model)
);
COMMENT ON TABLE duty_part IS 'what read success is reported by, beside schedule and quantity';

CREATE TABLE duty_member (
  device      int NOT NULL,
  usage_point int NOT NULL,
  part        int NOT NULL,
  valid_from  timestamptz NOT NULL,
  valid_to    timestamptz NOT NULL
);
COMMENT ON TABLE duty_member IS 'installations, as far as their usage points are there, made of the registry; without those that ended before what was looked at';

CREATE FUNCTION duty_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE duty_state SET changes = changes + 1;
  RETURN NULL;
END $$;
CREATE TRIGGER duty_changed AFTER INSERT OR UPDATE OR DELETE ON installation FOR EACH STATEMENT EXECUTE FUNCTION duty_changed();
CREATE TRIGGER duty_changed AFTER INSERT OR UPDATE OR DELETE ON usage_point_version FOR EACH STATEMENT EXECUTE FUNCTION duty_changed();
CREATE TRIGGER duty_changed AFTER UPDATE OF gateway, profile ON device FOR EACH STATEMENT EXECUTE FUNCTION duty_changed();
