-- From what devices say to outages and the ledger of interruptions. What is stored for the detector carries the
-- transaction that stored it: the detector reads what became visible since the snapshot it read last, in whatever
-- order transactions commit and however long some of them run.

ALTER TABLE usage_point_version ADD COLUMN generation boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN usage_point_version.generation IS 'solar or battery behind the meter: the device may live without supply';

ALTER TABLE event ADD COLUMN stored xid8;
ALTER TABLE event ALTER COLUMN stored SET DEFAULT pg_current_xact_id();
CREATE INDEX event_stored ON event (stored) WHERE stored IS NOT NULL;
COMMENT ON COLUMN event.stored IS 'transaction that stored it; NULL for what was stored before there was a detector';

CREATE TABLE life_sign (
  stored   xid8 NOT NULL DEFAULT pg_current_xact_id(),
  received timestamptz NOT NULL,
  first    timestamptz NOT NULL,
  last     timestamptz NOT NULL,
  signs    bytea NOT NULL
);
ALTER TABLE life_sign ALTER COLUMN signs SET STORAGE EXTERNAL;
CREATE INDEX ON life_sign (stored);
CREATE INDEX ON life_sign USING brin (received) WITH (pages_per_range = 16);
COMMENT ON TABLE life_sign IS 'what the readings of one transaction say about supply, as timeseries/lifesign_code.go writes it; kept for some days';
COMMENT ON COLUMN life_sign.received IS 'when the last of the messages came in';
COMMENT ON COLUMN life_sign.first IS 'earliest minute of the signs, last the latest';

CREATE TABLE detection (
  one         boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch       bigint NOT NULL DEFAULT 0,
  holder      text NOT NULL DEFAULT '',
  revision    bigint NOT NULL DEFAULT 0,
  cursor      text NOT NULL DEFAULT '',
  replay_from timestamptz,
  now         timestamptz,
  next_outage bigint NOT NULL DEFAULT 0,
  next_row    bigint NOT NULL DEFAULT 0,
  storm       jsonb,
  settings    text NOT NULL DEFAULT ''
) WITH (fillfactor = 50);
INSERT INTO detection DEFAULT VALUES;
COMMENT ON TABLE detection IS 'the one row that whoever writes the ledger locks first: who detects now (epoch), and how far it has come';
COMMENT ON COLUMN detection.epoch IS 'grows with each taking of the lease; a writer with another epoch writes nothing';
COMMENT ON COLUMN detection.cursor IS 'pg_snapshot: evidence visible in it has been taken in';

CREATE TABLE ledger_revision (
  revision bigint PRIMARY KEY,
  written  timestamptz NOT NULL DEFAULT now(),
  author   text NOT NULL CHECK (author IN ('detector', 'import', 'operator')),
  reason   text NOT NULL DEFAULT ''
);

CREATE TABLE outage (
  number      bigint PRIMARY KEY CHECK (number <> 0),
  reference   text NOT NULL DEFAULT '',
  state       text NOT NULL CHECK (state IN ('suspected', 'confirmed', 'restored', 'closed', 'withdrawn')),
  node        int REFERENCES node,
  usage_point int REFERENCES usage_point,
  part        boolean NOT NULL,
  phases      smallint NOT NULL CHECK (phases BETWEEN 0 AND 7),
  started     timestamptz,
  ended       timestamptz,
  odds        double precision NOT NULL,
  cause       text NOT NULL,
  planned     boolean NOT NULL,
  own         boolean NOT NULL,
  declared    boolean NOT NULL,
  plan        text NOT NULL,
  notice      timestamptz,
  overrun     interval NOT NULL,
  customers   int NOT NULL,
  out         int NOT NULL,
  seen        int NOT NULL,
  summary     text NOT NULL,
  trail       text[] NOT NULL,
  steps       jsonb NOT NULL,
  revision    bigint NOT NULL,
  changed     timestamptz NOT NULL,
  reason      text NOT NULL
);
CREATE INDEX ON outage (coalesce(started, changed) DESC, number DESC);
CREATE INDEX ON outage (state) WHERE state IN ('suspected', 'confirmed', 'restored');
CREATE INDEX ON outage (revision);
CREATE UNIQUE INDEX ON outage (reference) WHERE number < 0 AND reference <> '';
COMMENT ON TABLE outage IS 'faults and planned cuts; numbers below 0 were imported';
COMMENT ON COLUMN outage.started IS 'NULL: not known; ended NULL: it lasts, or is not known';

CREATE TABLE outage_change (
  outage    bigint NOT NULL,
  revision  bigint NOT NULL,
  at        timestamptz NOT NULL,
  state     text NOT NULL,
  node      int REFERENCES node,
  customers int NOT NULL,
  out       int NOT NULL,
  summary   text NOT NULL,
  PRIMARY KEY (outage, revision)
);
COMMENT ON TABLE outage_change IS 'what an outage looked like from a revision on';

CREATE TABLE interruption (
  usage_point int NOT NULL,
  id          bigint NOT NULL,
  revision    bigint NOT NULL,
  outage      bigint NOT NULL,
  started     timestamptz,
  ended       timestamptz,
  not_before  timestamptz,
  start_by    smallint NOT NULL,
  end_by      smallint NOT NULL,
  phases      smallint NOT NULL,
  cause       text NOT NULL,
  planned     boolean NOT NULL,
  own         boolean NOT NULL,
  declared    boolean NOT NULL,
  inferred    boolean NOT NULL,
  withdrawn   boolean NOT NULL,
  reason      text NOT NULL,
  written     timestamptz NOT NULL,
  PRIMARY KEY (usage_point, id)
);
CREATE INDEX ON interruption (coalesce(started, not_before, '-infinity'), usage_point, id);
CREATE INDEX ON interruption (outage);
CREATE INDEX ON interruption (ended) WHERE NOT withdrawn;
COMMENT ON TABLE interruption IS 'the ledger as it is now: one usage point without supply; ids below 0 were imported';
COMMENT ON COLUMN interruption.start_by IS 'headend.Basis; end_by too';

CREATE TABLE interruption_former (
  LIKE interruption,
  until bigint NOT NULL,
  PRIMARY KEY (usage_point, id, revision)
);
CREATE INDEX ON interruption_former (until);
COMMENT ON TABLE interruption_former IS 'versions of rows of the ledger that revision until has taken the place of; never deleted';

CREATE TABLE plan (
  id           text PRIMARY KEY,
  stored       xid8 NOT NULL DEFAULT pg_current_xact_id(),
  kind         text NOT NULL CHECK (kind IN ('cut', 'exchange', 'laboratory', 'firmware')),
  node         int REFERENCES node,
  usage_points int[] NOT NULL,
  valid_from   timestamptz NOT NULL,
  valid_to     timestamptz NOT NULL,
  reason       text NOT NULL,
  notice       timestamptz,
  revised      timestamptz NOT NULL,
  dropped      boolean NOT NULL,
  by           text NOT NULL,
  CHECK (valid_from < valid_to)
);
CREATE INDEX ON plan (stored);
COMMENT ON TABLE plan IS 'the calendar of planned cuts and work; kept for ever';

CREATE TABLE decision (
  number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  stored       xid8 NOT NULL DEFAULT pg_current_xact_id(),
  kind         text NOT NULL,
  made         timestamptz NOT NULL,
  by           text NOT NULL,
  note         text NOT NULL,
  outage       bigint NOT NULL,
  node         int REFERENCES node,
  usage_point  int REFERENCES usage_point,
  moment       timestamptz,
  cause        text NOT NULL,
  part         int REFERENCES node,
  other_outage bigint NOT NULL,
  other_node   int REFERENCES node,
  other_point  int REFERENCES usage_point,
  other_moment timestamptz
);
CREATE INDEX ON decision (stored);
CREATE INDEX ON decision (outage);
COMMENT ON TABLE decision IS 'what operators decided about outages: the audit trail, kept for ever';

CREATE TABLE segment_tally (
  day        timestamptz NOT NULL,
  segment    text NOT NULL,
  proven     int NOT NULL,
  gasped     int NOT NULL,
  logged     int NOT NULL,
  returned   int NOT NULL,
  "false"    int NOT NULL,
  meter_days double precision NOT NULL,
  PRIMARY KEY (day, segment)
);
COMMENT ON TABLE segment_tally IS 'what the outages of a local day have proven about how a segment of the network tells of them';

CREATE TABLE topology_fault (
  usage_point int PRIMARY KEY REFERENCES usage_point,
  node        int NOT NULL REFERENCES node,
  against     int NOT NULL,
  written     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE topology_fault IS 'meters that never agree with their siblings: most often they hang elsewhere';
