-- The books: sums of the ledger that are stored, months that are closed, and what is imported for them. What changes
-- in the ledger after a revision is found by index.

CREATE INDEX interruption_revision ON interruption (revision);

CREATE TABLE book_state (
  one       boolean PRIMARY KEY DEFAULT true CHECK (one),
  revision  bigint,
  as_of     timestamptz,
  placed    bigint,
  kept      text,
  placement bigint NOT NULL DEFAULT 1,
  registry  bigint NOT NULL DEFAULT 1
);
INSERT INTO book_state DEFAULT VALUES;
COMMENT ON TABLE book_state IS 'from which ledger (revision, as_of), registry (placed) and policies (kept) the sums were made';
COMMENT ON COLUMN book_state.placement IS 'grows when interruptions that are in the ledger may belong elsewhere than before; registry with every change of it';

CREATE TABLE book (
  number smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  policy text NOT NULL,
  by     text NOT NULL,
  UNIQUE (policy, by)
);
CREATE TABLE book_unit (
  number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  path   text[] NOT NULL UNIQUE
);
COMMENT ON COLUMN book_unit.path IS 'ids of the unit and all above it, the smallest first: a district that changes its company is another unit';

CREATE TABLE book_cell (
  book      smallint NOT NULL REFERENCES book,
  month     int NOT NULL,
  day       int,
  unit      int NOT NULL REFERENCES book_unit,
  category  text NOT NULL,
  ci        bigint NOT NULL,
  cms       bigint NOT NULL,
  figures   jsonb NOT NULL,
  customers bytea,
  UNIQUE NULLS NOT DISTINCT (book, month, day, unit, category)
);
ALTER TABLE book_cell ALTER COLUMN customers SET STORAGE EXTERNAL;
CREATE INDEX ON book_cell (book, month) WHERE day IS NULL;
COMMENT ON TABLE book_cell IS 'sums of the ledger; headend/reliability computes the same from the ledger itself';
COMMENT ON COLUMN book_cell.month IS 'months since January of the year 0';
COMMENT ON COLUMN book_cell.day IS 'days since 1970-01-01; NULL: all days of the month';

CREATE TABLE book_note (
  book  smallint NOT NULL REFERENCES book,
  month int NOT NULL,
  cause text NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (book, month, cause)
);
COMMENT ON TABLE book_note IS 'interruptions with a cause that stands in no table of the policy; cause empty: where no customer was';

CREATE TABLE day_sum (
  organisation int NOT NULL REFERENCES organisation,
  day          date NOT NULL,
  customers    bigint NOT NULL CHECK (customers >= 0),
  ci           bigint NOT NULL CHECK (ci >= 0),
  cms          bigint NOT NULL CHECK (cms >= 0),
  PRIMARY KEY (organisation, day)
);
COMMENT ON TABLE day_sum IS 'what a utility counted before there was a head-end; cms are customer-milliseconds';

CREATE TABLE target (
  organisation int NOT NULL REFERENCES organisation,
  year         int NOT NULL,
  index        text NOT NULL CHECK (index IN ('saidi', 'saifi', 'maifi', 'losses')),
  value        numeric NOT NULL,
  PRIMARY KEY (organisation, year, index)
);

CREATE TABLE customer_count (
  organisation int NOT NULL REFERENCES organisation,
  month        date NOT NULL,
  customers    bigint NOT NULL CHECK (customers >= 0),
  PRIMARY KEY (organisation, month)
);
COMMENT ON TABLE customer_count IS 'customers served as billing has them, in place of those of the registry';

CREATE TABLE period (
  organisation int NOT NULL REFERENCES organisation,
  month        date NOT NULL,
  policy       text NOT NULL,
  number       int NOT NULL,
  revision     bigint NOT NULL,
  as_of        timestamptz NOT NULL,
  by           text NOT NULL,
  closed       timestamptz NOT NULL DEFAULT now(),
  reason       text NOT NULL,
  figures      jsonb NOT NULL,
  difference   jsonb,
  PRIMARY KEY (organisation, month, policy, number)
);
COMMENT ON TABLE period IS 'months that were closed, each revision as it was signed; never changed and never deleted';

-- A change of the registry that concerns no interruption leaves the sums as they are: new customers, versions that begin
-- after the last interruption. Others ask for new sums.
CREATE FUNCTION book_registry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE book_state SET registry = registry + 1;
  RETURN NULL;
END $$;
CREATE FUNCTION book_point() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  -- What is the same until here stays where it was.
  since timestamptz := CASE
    WHEN TG_OP = 'INSERT' THEN NEW.valid_from
    WHEN TG_OP = 'DELETE' THEN OLD.valid_from
    WHEN (OLD.node, OLD.organisation, OLD.phases, OLD.valid_from) IS NOT DISTINCT FROM (NEW.node, NEW.organisation, NEW.phases, NEW.valid_from) THEN
      CASE WHEN OLD.valid_to = NEW.valid_to THEN 'infinity' ELSE least(OLD.valid_to, NEW.valid_to) END
    ELSE least(OLD.valid_from, NEW.valid_from) END;
BEGIN
  IF EXISTS (SELECT FROM interruption i WHERE i.usage_point = coalesce(NEW.usage_point, OLD.usage_point)
             AND (i.started IS NULL OR i.started >= since OR i.ended IS NULL)) THEN
    UPDATE book_state SET placement = placement + 1;
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION book_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE book_state SET placement = placement + 1;
  RETURN NULL;
END $$;
CREATE TRIGGER book_registry AFTER INSERT OR UPDATE OR DELETE ON usage_point_version FOR EACH STATEMENT EXECUTE FUNCTION book_registry();
CREATE TRIGGER book_registry AFTER INSERT OR UPDATE OR DELETE ON node_version FOR EACH STATEMENT EXECUTE FUNCTION book_registry();
CREATE TRIGGER book_registry AFTER INSERT OR UPDATE OR DELETE ON organisation_version FOR EACH STATEMENT EXECUTE FUNCTION book_registry();
CREATE TRIGGER book_point AFTER INSERT OR UPDATE OR DELETE ON usage_point_version FOR EACH ROW EXECUTE FUNCTION book_point();
-- A new node or organisation has nothing below it yet; what is put there fires for itself.
CREATE TRIGGER book_place_node AFTER UPDATE ON node_version FOR EACH ROW
  WHEN ((OLD.kind, OLD.parent, OLD.organisation, OLD.valid_from, OLD.valid_to) IS DISTINCT FROM (NEW.kind, NEW.parent, NEW.organisation, NEW.valid_from, NEW.valid_to))
  EXECUTE FUNCTION book_place();
CREATE TRIGGER book_place_organisation AFTER UPDATE ON organisation_version FOR EACH ROW
  WHEN ((OLD.parent, OLD.valid_from, OLD.valid_to) IS DISTINCT FROM (NEW.parent, NEW.valid_from, NEW.valid_to))
  EXECUTE FUNCTION book_place();
CREATE TRIGGER book_place_gone AFTER DELETE ON node_version FOR EACH ROW EXECUTE FUNCTION book_place();
CREATE TRIGGER book_place_gone AFTER DELETE ON organisation_version FOR EACH ROW EXECUTE FUNCTION book_place();
