-- Load profiles: how the energy of customers spreads over the week, for estimates.

CREATE TABLE load_profile (
  class  text NOT NULL,
  day    text NOT NULL CHECK (day IN ('workday', 'saturday', 'sunday')),
  minute smallint NOT NULL CHECK (minute BETWEEN 0 AND 1439),
  share  bigint NOT NULL CHECK (share BETWEEN 0 AND 1000000000000),
  PRIMARY KEY (class, day, minute)
);
COMMENT ON COLUMN load_profile.class IS 'of customers; * is all of them';
COMMENT ON COLUMN load_profile.minute IS 'of the local day, at which the slot begins; slots of a class are of one length and cover the day';
COMMENT ON COLUMN load_profile.share IS 'of the energy of the week, in millionths of a unit of the file';
