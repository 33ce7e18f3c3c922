-- Billing: how meters are built and what they owe, what is missing, what was estimated, and what was handed out.

CREATE TABLE meter_type (
  model     text PRIMARY KEY,
  digits    smallint NOT NULL CHECK (digits BETWEEN 0 AND 18),
  unit_wh   bigint NOT NULL CHECK (unit_wh >= 1),
  max_w     bigint NOT NULL CHECK (max_w >= 0),
  every     int NOT NULL CHECK (every >= 0),
  calendar  text NOT NULL CHECK (calendar IN ('', 'day', 'month')),
  tolerance int NOT NULL CHECK (tolerance >= 0),
  registers text[] NOT NULL,
  nominal_v double precision NOT NULL CHECK (nominal_v >= 0),
  rated_a   double precision NOT NULL CHECK (rated_a >= 0),
  CHECK ((every = 0) = (calendar <> ''))
);
COMMENT ON COLUMN meter_type.model IS 'device.profile';
COMMENT ON COLUMN meter_type.every IS 'seconds between two registers that are owed; 0: calendar says';
COMMENT ON COLUMN meter_type.tolerance IS 'seconds';

CREATE TABLE multiplier (
  usage_point int NOT NULL REFERENCES usage_point,
  valid_from  timestamptz NOT NULL,
  valid_to    timestamptz NOT NULL DEFAULT 'infinity',
  numerator   bigint NOT NULL CHECK (numerator > 0),
  denominator bigint NOT NULL CHECK (denominator > 0),
  PRIMARY KEY (usage_point, valid_from),
  CHECK (valid_from < valid_to)
);
COMMENT ON TABLE multiplier IS 'ratio of current and voltage transformers; a usage point without any has 1';

CREATE TABLE noted_register (
  device   int NOT NULL REFERENCES device,
  time     timestamptz NOT NULL,
  quantity text NOT NULL,
  wh       bigint NOT NULL CHECK (wh >= 0),
  PRIMARY KEY (device, time, quantity)
);
COMMENT ON TABLE noted_register IS 'what somebody read from a dial at the beginning or end of an installation';

-- Who reads all meters of one hour reads the pages of that hour: readings lie in the order in which they came.
CREATE INDEX reading_time ON reading USING brin (time) WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE billing_state (
  one  boolean PRIMARY KEY DEFAULT true CHECK (one),
  upto timestamptz
);
INSERT INTO billing_state DEFAULT VALUES;
COMMENT ON COLUMN billing_state.upto IS 'what was owed until then has been looked at';

CREATE TABLE late_read (
  hour   timestamptz NOT NULL,
  meters int[] NOT NULL
);
COMMENT ON TABLE late_read IS 'meters of which a commit stored readings of an hour that was over; without a key so that commits never wait for each other';

CREATE TABLE read_success (
  hour         timestamptz NOT NULL,
  organisation int NOT NULL,
  gateway      int NOT NULL,
  model        text NOT NULL,
  schedule     text NOT NULL,
  quantity     text NOT NULL,
  expected     int NOT NULL,
  in_time      int NOT NULL,
  late         int NOT NULL,
  PRIMARY KEY (hour, organisation, gateway, model, schedule, quantity)
);
COMMENT ON TABLE read_success IS 'registers that were owed in a local hour, by what they are reported by; 0 where there is no organisation or gateway';

CREATE TABLE gap (
  number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  usage_point int NOT NULL REFERENCES usage_point,
  quantity    text NOT NULL,
  gap_from    timestamptz NOT NULL,
  gap_to      timestamptz NOT NULL,
  state       text NOT NULL CHECK (state IN ('open', 'requested', 'filled', 'estimated', 'given_up')),
  attempts    smallint NOT NULL,
  opened      timestamptz NOT NULL,
  changed     timestamptz NOT NULL,
  next        timestamptz,
  CHECK (gap_from < gap_to)
);
CREATE INDEX gap_end ON gap (usage_point, quantity, gap_to);
CREATE INDEX gap_next ON gap (next) WHERE next IS NOT NULL;
CREATE INDEX gap_open ON gap (gap_to) WHERE state <> 'filled';
COMMENT ON TABLE gap IS 'runs of intervals whose closing registers are not there, by headend/billing';

CREATE TABLE value_version (
  usage_point int NOT NULL REFERENCES usage_point,
  quantity    text NOT NULL,
  value_from  timestamptz NOT NULL,
  value_to    timestamptz NOT NULL,
  version     int NOT NULL CHECK (version >= 1),
  state       text NOT NULL CHECK (state IN ('measured', 'estimated')),
  wh          bigint NOT NULL,
  method      text NOT NULL,
  summed      boolean NOT NULL,
  absent      text NOT NULL,
  made        timestamptz NOT NULL,
  reason      text NOT NULL,
  PRIMARY KEY (usage_point, quantity, value_from, value_to, version)
);
COMMENT ON TABLE value_version IS 'estimates of intervals, and the measured values that took their place; none is ever changed or deleted';

CREATE TABLE finding (
  usage_point int NOT NULL REFERENCES usage_point,
  quantity    text NOT NULL,
  rule        text NOT NULL,
  found_from  timestamptz NOT NULL,
  found_to    timestamptz NOT NULL,
  detail      text NOT NULL,
  found       timestamptz NOT NULL,
  gone        timestamptz,
  PRIMARY KEY (found_from, usage_point, quantity, rule)
);
CREATE INDEX ON finding (usage_point, found_from);
COMMENT ON TABLE finding IS 'what rules of validation hold against a stretch of time; gone: since when they no longer do';

CREATE TABLE billing_run (
  number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id          text,
  state       text NOT NULL CHECK (state IN ('asked', 'made', 'failed')),
  author      text NOT NULL,
  asked       timestamptz NOT NULL DEFAULT now(),
  made        timestamptz,
  run_from    timestamptz NOT NULL,
  run_to      timestamptz NOT NULL,
  quantities  text[] NOT NULL,
  selection   jsonb NOT NULL,
  with_values boolean NOT NULL,
  gate        jsonb,
  lines       bigint NOT NULL DEFAULT 0,
  passed      bigint NOT NULL DEFAULT 0,
  held        bigint NOT NULL DEFAULT 0,
  bytes       bigint NOT NULL DEFAULT 0,
  reason      text NOT NULL DEFAULT '',
  CHECK ((state = 'made') = (id IS NOT NULL))
);
CREATE INDEX ON billing_run (id);
CREATE INDEX ON billing_run (number) WHERE state = 'asked';
COMMENT ON COLUMN billing_run.id IS 'SHA-256 of the snapshot; of several runs with one id the first holds the bytes';

CREATE TABLE billing_snapshot (
  run   bigint NOT NULL REFERENCES billing_run,
  part  int NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (run, part)
);
COMMENT ON TABLE billing_snapshot IS 'what a run handed out, in parts; none is ever changed';
