-- Other systems that are told of events, and what is on its way to them. Who writes the ledger writes nothing here: a
-- head-end reads what has changed since revision, and writes the events and the new revision in one transaction.

CREATE TABLE webhook (
  number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  url          text NOT NULL,
  events       text[] NOT NULL,
  description  text NOT NULL,
  enabled      boolean NOT NULL,
  created      timestamptz NOT NULL DEFAULT now(),
  changed      timestamptz NOT NULL DEFAULT now(),
  secret       bytea NOT NULL,
  former       bytea,
  former_until timestamptz
);
COMMENT ON COLUMN webhook.secret IS 'sealed with a key that is not in the database';
COMMENT ON COLUMN webhook.former IS 'the secret before, which signs too until former_until';

CREATE TABLE webhook_delivery (
  number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  webhook  bigint NOT NULL REFERENCES webhook ON DELETE CASCADE,
  event    text NOT NULL,
  message  text NOT NULL,
  subject  text NOT NULL,
  body     bytea NOT NULL,
  created  timestamptz NOT NULL DEFAULT now(),
  state    text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given_up')),
  attempts int NOT NULL DEFAULT 0,
  due      timestamptz NOT NULL DEFAULT now(),
  ended    timestamptz,
  again    bigint NOT NULL DEFAULT 0,
  reason   text NOT NULL DEFAULT ''
) WITH (fillfactor = 80);
CREATE INDEX ON webhook_delivery (webhook, number);
CREATE INDEX ON webhook_delivery (webhook, due) WHERE state = 'waiting';
CREATE INDEX ON webhook_delivery (webhook, subject, number) WHERE state = 'waiting';
CREATE INDEX ON webhook_delivery (ended) WHERE state <> 'waiting';
CREATE INDEX ON webhook_delivery (webhook, state, ended);
COMMENT ON TABLE webhook_delivery IS 'events on their way to a webhook, and for a while those that have arrived';
COMMENT ON COLUMN webhook_delivery.due IS 'of the next attempt; while one is under way: when it counts as lost';

CREATE TABLE webhook_attempt (
  delivery   bigint NOT NULL REFERENCES webhook_delivery ON DELETE CASCADE,
  number     int NOT NULL,
  at         timestamptz NOT NULL,
  status     int NOT NULL,
  latency_us bigint NOT NULL,
  failure    text NOT NULL,
  PRIMARY KEY (delivery, number)
);
COMMENT ON COLUMN webhook_attempt.status IS 'of the answer; 0: there was none';

CREATE TABLE webhook_told (
  subject text PRIMARY KEY,
  over    boolean NOT NULL,
  face    text NOT NULL,
  written timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE webhook_told IS 'what was told last of each subject, so that only news is told';

CREATE TABLE webhook_outbox (
  one      boolean PRIMARY KEY DEFAULT true CHECK (one),
  revision bigint NOT NULL
);
INSERT INTO webhook_outbox (revision) SELECT revision FROM detection;
COMMENT ON COLUMN webhook_outbox.revision IS 'of the ledger: changes up to it have been written down';
