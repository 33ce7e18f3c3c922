-- Feeder devices stand for a piece of the network: an RTU for its breaker, a head meter for its feeder.

CREATE TABLE device_node (
  device     int NOT NULL REFERENCES device,
  node       int NOT NULL REFERENCES node,
  valid_from timestamptz NOT NULL,
  valid_to   timestamptz NOT NULL DEFAULT 'infinity',
  PRIMARY KEY (device, valid_from),
  CHECK (valid_from < valid_to)
);
CREATE INDEX ON device_node (node, valid_from);
COMMENT ON TABLE device_node IS 'device says what is true of node from valid_from until valid_to';
