-- What devices say. One wide row a meter and time for quantities with a column, one narrow row a value for the
-- others. Numbers of quality bits are those of headend.Quality.

CREATE TABLE reading (
  meter          int NOT NULL,
  time           timestamptz NOT NULL,
  received       timestamptz NOT NULL,
  quality        smallint NOT NULL DEFAULT 0,
  import_wh      bigint,
  import_wh_t1   bigint,
  import_wh_t2   bigint,
  import_wh_t3   bigint,
  import_wh_t4   bigint,
  export_wh      bigint,
  export_wh_t1   bigint,
  export_wh_t2   bigint,
  export_wh_t3   bigint,
  export_wh_t4   bigint,
  import_varh    bigint,
  import_varh_t1 bigint,
  import_varh_t2 bigint,
  import_varh_t3 bigint,
  import_varh_t4 bigint,
  export_varh    bigint,
  export_varh_t1 bigint,
  export_varh_t2 bigint,
  export_varh_t3 bigint,
  export_varh_t4 bigint,
  v1             double precision,
  v2             double precision,
  v3             double precision,
  i1             double precision,
  i2             double precision,
  i3             double precision,
  p              double precision,
  p1             double precision,
  p2             double precision,
  p3             double precision,
  q              double precision,
  s              double precision,
  pf             double precision,
  f              double precision,
  thd            double precision,
  PRIMARY KEY (meter, time)
){{if eq .engine "postgres"}} PARTITION BY RANGE (time){{end}};

CREATE TABLE quantity (
  number smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name   text NOT NULL UNIQUE
);
COMMENT ON TABLE quantity IS 'names of quantities without a column of their own';

CREATE TABLE reading_other (
  meter    int NOT NULL,
  time     timestamptz NOT NULL,
  quantity smallint NOT NULL,
  received timestamptz NOT NULL,
  quality  smallint NOT NULL DEFAULT 0,
  value    double precision NOT NULL,
  PRIMARY KEY (meter, time, quantity)
){{if eq .engine "postgres"}} PARTITION BY RANGE (time){{end}};

CREATE TABLE event (
  device   int NOT NULL,
  time     timestamptz NOT NULL,
  type     text NOT NULL,
  seq      bigint NOT NULL DEFAULT -1,
  detail   text NOT NULL DEFAULT '',
  duration bigint NOT NULL DEFAULT 0,
  phases   smallint NOT NULL DEFAULT 0,
  quality  smallint NOT NULL DEFAULT 0,
  received timestamptz NOT NULL,
  gateway  int,
  PRIMARY KEY (device, time, type, seq, detail)
){{if eq .engine "postgres"}} PARTITION BY RANGE (time){{end}};
COMMENT ON COLUMN event.duration IS 'length of a log entry in milliseconds; 0 where it has none';

CREATE TABLE reading_history (
  meter    int NOT NULL,
  time     timestamptz NOT NULL,
  quantity text NOT NULL,
  value    numeric NOT NULL,
  received timestamptz NOT NULL,
  replaced timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON reading_history (meter, time);
COMMENT ON TABLE reading_history IS 'values that another value for the same meter, time and quantity has replaced';

CREATE TABLE quarantine (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  received timestamptz NOT NULL,
  device   text NOT NULL,
  protocol text NOT NULL,
  address  text NOT NULL,
  raw      bytea NOT NULL,
  reason   text NOT NULL,
  detail   text NOT NULL,
  replayed timestamptz
);
CREATE INDEX ON quarantine (id) WHERE replayed IS NULL;
COMMENT ON TABLE quarantine IS 'messages, or parts of them, that could not be used: kept as they came, to be replayed after a fix';
