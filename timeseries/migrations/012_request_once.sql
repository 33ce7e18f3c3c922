-- Requests that change something and must be carried out once, however often a client sends them (Idempotency-Key).

CREATE TABLE request_once (
  scope       text NOT NULL,
  key         text NOT NULL,
  fingerprint bytea NOT NULL,
  begun       timestamptz NOT NULL DEFAULT now(),
  expires     timestamptz NOT NULL,
  status      int,
  kind        text NOT NULL DEFAULT '',
  answer      bytea,
  PRIMARY KEY (scope, key)
);
CREATE INDEX ON request_once (expires);
COMMENT ON COLUMN request_once.scope IS 'who asks: two clients may use the same key';
COMMENT ON COLUMN request_once.fingerprint IS 'of method, path and body';
COMMENT ON COLUMN request_once.status IS 'of the answer; NULL while it is being answered';
COMMENT ON COLUMN request_once.answer IS 'sealed with a key that is not in the database: it may show a secret';
