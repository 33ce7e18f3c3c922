-- The connected load of customers, for ASIFI and ASIDI, and failures of which only a meter's counter knows.

ALTER TABLE usage_point_version ADD COLUMN connected_va bigint NOT NULL DEFAULT 0 CHECK (connected_va >= 0);
COMMENT ON COLUMN usage_point_version.connected_va IS 'connected load in volt-amperes; 0: not known';

-- As 008 has it, and another load asks for new sums too.
CREATE OR REPLACE FUNCTION book_point_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM former o
    LEFT JOIN fresh f USING (usage_point, valid_from)
    JOIN interruption i USING (usage_point)
    WHERE (f.valid_to, f.node, f.organisation, f.phases, f.connected_va) IS DISTINCT FROM (o.valid_to, o.node, o.organisation, o.phases, o.connected_va)
      AND (i.started IS NULL OR i.ended IS NULL OR i.started >=
           CASE WHEN (f.node, f.organisation, f.phases, f.connected_va) IS DISTINCT FROM (o.node, o.organisation, o.phases, o.connected_va) THEN o.valid_from
                ELSE least(f.valid_to, o.valid_to) END)) THEN
    UPDATE book_state SET placement = placement + 1;
  END IF;
  RETURN NULL;
END $$;

CREATE TABLE failure_count (
  usage_point int NOT NULL REFERENCES usage_point,
  counted_from timestamptz NOT NULL,
  counted_to  timestamptz NOT NULL,
  short       boolean NOT NULL,
  revision    bigint NOT NULL,
  failures    int NOT NULL,
  known       int NOT NULL,
  overflow    boolean NOT NULL,
  withdrawn   boolean NOT NULL,
  written     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (usage_point, counted_from, counted_to, short, revision),
  CHECK (counted_from < counted_to)
);
CREATE INDEX ON failure_count (counted_to);
COMMENT ON TABLE failure_count IS 'what a meter''s counter of failures says beside the ledger, between two readings of it; of several revisions the last one holds, and none is ever changed or deleted';
COMMENT ON COLUMN failure_count.short IS 'the counter counts short failures only';
COMMENT ON COLUMN failure_count.overflow IS 'the log lists fewer than the counter counts';
