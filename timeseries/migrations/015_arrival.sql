-- Each commit notes which registers came with it, packed, beside the readings themselves: who looks what is missing reads a few bytes
-- a reading, not the readings of an hour between those of all others.

CREATE TABLE arrival (
  hour  timestamptz NOT NULL,
  first timestamptz NOT NULL,
  last  timestamptz NOT NULL,
  again int NOT NULL,
  reads bytea NOT NULL
);
ALTER TABLE arrival ALTER COLUMN reads SET STORAGE EXTERNAL;
CREATE INDEX ON arrival (hour);
COMMENT ON TABLE arrival IS 'meters, times, reservations and energy columns of the rows of readings that a commit stored for an hour of UTC; without a key so that commits never wait for each other';
COMMENT ON COLUMN arrival.again IS 'how many of its rows took the place of one that was there';

ALTER TABLE billing_state ADD COLUMN noted_since timestamptz NOT NULL DEFAULT '-infinity';
UPDATE billing_state SET noted_since = now() + INTERVAL '25 hours' WHERE EXISTS (SELECT FROM reading);
COMMENT ON COLUMN billing_state.noted_since IS 'all readings of this time and later are noted in arrival, as far as hours have not been looked at; no reading is accepted for more than 24 h ahead';

-- Who owes what is read whole each hour, too, and packed for it.
DROP TABLE duty_member, duty_part;
CREATE TABLE duty_part (
  number       int PRIMARY KEY,
  organisation int NOT NULL,
  gateway      int NOT NULL,
  model        text NOT NULL
);
COMMENT ON TABLE duty_part IS 'what read success is reported by, beside schedule and quantity';
CREATE TABLE duty_block (
  number  int PRIMARY KEY,
  members bytea NOT NULL
);
ALTER TABLE duty_block ALTER COLUMN members SET STORAGE EXTERNAL;
COMMENT ON TABLE duty_block IS 'installations, as far as their usage points are there, made of the registry; without those that ended before what was looked at';
UPDATE billing_state SET members = 0;
