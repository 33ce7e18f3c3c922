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
  path   text NOT NULL UNIQUE
);
COMMENT ON COLUMN book_unit.path IS 'ids of the unit and all above it, the smallest first, parted by U+001F: a district that changes its company is another unit';

CREATE TABLE book_cell (
  book      smallint NOT NULL,
  month     int NOT NULL,
  day       int NOT NULL,
  unit      int NOT NULL,
  category  text NOT NULL,
  ci        bigint NOT NULL,
  cms       bigint NOT NULL,
  figures   jsonb NOT NULL,
  customers bytea,
  PRIMARY KEY (book, month, day, unit, category)
);
ALTER TABLE book_cell ALTER COLUMN customers SET STORAGE EXTERNAL;
COMMENT ON TABLE book_cell IS 'sums of the ledger, without foreign keys, which would take half of the time to write it; headend/reliability computes the same from the ledger itself';
COMMENT ON COLUMN book_cell.month IS 'months since January of the year 0';
COMMENT ON COLUMN book_cell.day IS 'days since 1970-01-01; -2147483648: all days of the month';

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
  figures      json NOT NULL,
  difference   json,
  PRIMARY KEY (organisation, month, policy, number)
);
COMMENT ON TABLE period IS 'months that were closed, each revision as it was signed; never changed and never deleted';

-- A change of the registry that concerns no interruption leaves the sums as they are: new customers, versions that begin
-- after the last interruption, new nodes (nothing is below them yet; what is put there fires for itself). Others ask
-- for new sums. All by statement: an import changes hundreds of thousands of rows.
CREATE FUNCTION book_registry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE book_state SET registry = registry + 1;
  RETURN NULL;
END $$;
CREATE FUNCTION book_point_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM fresh f JOIN interruption i USING (usage_point)
             WHERE i.started IS NULL OR i.ended IS NULL OR i.started >= f.valid_from) THEN
    UPDATE book_state SET placement = placement + 1;
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION book_point_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM former o
    LEFT JOIN fresh f USING (usage_point, valid_from)
    JOIN interruption i USING (usage_point)
    WHERE (f.valid_to, f.node, f.organisation, f.phases) IS DISTINCT FROM (o.valid_to, o.node, o.organisation, o.phases)
      AND (i.started IS NULL OR i.ended IS NULL OR i.started >=
           CASE WHEN (f.node, f.organisation, f.phases) IS DISTINCT FROM (o.node, o.organisation, o.phases) THEN o.valid_from
                ELSE least(f.valid_to, o.valid_to) END)) THEN
    UPDATE book_state SET placement = placement + 1;
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION book_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM interruption) THEN
    UPDATE book_state SET placement = placement + 1;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER book_registry AFTER INSERT OR UPDATE OR DELETE ON usage_point_version FOR EACH STATEMENT EXECUTE FUNCTION book_registry();
CREATE TRIGGER book_registry AFTER INSERT OR UPDATE OR DELETE ON node_version FOR EACH STATEMENT EXECUTE FUNCTION book_registry();
CREATE TRIGGER book_registry AFTER INSERT OR UPDATE OR DELETE ON organisation_version FOR EACH STATEMENT EXECUTE FUNCTION book_registry();
CREATE TRIGGER book_point_new AFTER INSERT ON usage_point_version REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION book_point_new();
CREATE TRIGGER book_point_changed AFTER UPDATE ON usage_point_version REFERENCING OLD TABLE AS former NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION book_point_changed();
CREATE TRIGGER book_point_gone AFTER DELETE ON usage_point_version FOR EACH STATEMENT EXECUTE FUNCTION book_place();

-- Of nodes and organisations only what changes where things belong counts, not a name.
CREATE FUNCTION book_node_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT node, valid_from, valid_to, kind, parent, organisation FROM former
             EXCEPT SELECT node, valid_from, valid_to, kind, parent, organisation FROM fresh) AND EXISTS (SELECT FROM interruption) THEN
    UPDATE book_state SET placement = placement + 1;
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION book_organisation_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT organisation, valid_from, valid_to, parent FROM former
             EXCEPT SELECT organisation, valid_from, valid_to, parent FROM fresh) AND EXISTS (SELECT FROM interruption) THEN
    UPDATE book_state SET placement = placement + 1;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER book_node_changed AFTER UPDATE ON node_version REFERENCING OLD TABLE AS former NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION book_node_changed();
CREATE TRIGGER book_organisation_changed AFTER UPDATE ON organisation_version REFERENCING OLD TABLE AS former NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION book_organisation_changed();
CREATE TRIGGER book_node_gone AFTER DELETE ON node_version FOR EACH STATEMENT EXECUTE FUNCTION book_place();
CREATE TRIGGER book_organisation_gone AFTER DELETE ON organisation_version FOR EACH STATEMENT EXECUTE FUNCTION book_place();

CREATE TABLE loss_term (
  unit     text NOT NULL,
  line     int NOT NULL,
  side     text NOT NULL CHECK (side IN ('received', 'delivered')),
  sign     smallint NOT NULL CHECK (sign IN (-1, 1)),
  point    text NOT NULL,
  register text NOT NULL CHECK (register IN ('import', 'export')),
  label    text NOT NULL,
  PRIMARY KEY (unit, line)
);
COMMENT ON TABLE loss_term IS 'the energy balance of a node or organisation, as data; units without terms have the usual one';
COMMENT ON COLUMN loss_term.point IS 'a usage point, or a device that stands for a node; empty: all usage points below';
