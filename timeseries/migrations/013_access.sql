-- Who may come in: accounts, sessions, tokens. And what was done: the audit trail.

CREATE TABLE account (
  number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name          text NOT NULL,
  role          text NOT NULL CHECK (role IN ('viewer', 'operator', 'billing', 'engineer', 'administrator')),
  organisations text[] NOT NULL,
  language      text NOT NULL CHECK (language IN ('vi', 'en')),
  password      text,
  subject       text UNIQUE,
  disabled      timestamptz,
  made          timestamptz NOT NULL
);
CREATE UNIQUE INDEX account_name ON account (lower(name));
COMMENT ON TABLE account IS 'people who may log in; never deleted, because the audit trail names them';
COMMENT ON COLUMN account.organisations IS 'ids: it sees these and all below them; none: everything';
COMMENT ON COLUMN account.password IS 'argon2id in the PHC form; NULL: only the identity provider lets it in';
COMMENT ON COLUMN account.subject IS 'issuer and subject at the identity provider';

CREATE TABLE login_failure (
  name  text PRIMARY KEY,
  count int NOT NULL,
  last  timestamptz NOT NULL
);
COMMENT ON TABLE login_failure IS 'refused attempts to log in since the last good one, under any name whether there is such an account or not; dropped after a day';

CREATE TABLE session (
  hash    bytea PRIMARY KEY,
  account bigint NOT NULL REFERENCES account,
  made    timestamptz NOT NULL,
  seen    timestamptz NOT NULL,
  expires timestamptz NOT NULL,
  address text NOT NULL
);
CREATE INDEX ON session (account);
CREATE INDEX ON session (expires);
COMMENT ON COLUMN session.hash IS 'SHA-256 of 256 random bits that only the browser has';

CREATE TABLE token (
  number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hash          bytea NOT NULL UNIQUE,
  name          text NOT NULL,
  account       bigint REFERENCES account,
  permissions   text[] NOT NULL,
  organisations text[] NOT NULL,
  made          timestamptz NOT NULL,
  by            text NOT NULL,
  expires       timestamptz,
  used          timestamptz,
  revoked       timestamptz
);
CREATE UNIQUE INDEX token_name ON token (coalesce(account, 0), lower(name)) WHERE revoked IS NULL;
COMMENT ON TABLE token IS 'programs that may come in; never deleted, because the audit trail names them';
COMMENT ON COLUMN token.hash IS 'SHA-256 of 256 random bits that only the program has';

CREATE TABLE audit (
  number   bigint PRIMARY KEY,
  at       timestamptz NOT NULL,
  who      text NOT NULL,
  role     text NOT NULL,
  address  text NOT NULL,
  what     text NOT NULL,
  target   text NOT NULL,
  before   text NOT NULL,
  after    text NOT NULL,
  previous bytea NOT NULL,
  hash     bytea NOT NULL
);
CREATE INDEX ON audit (at);
COMMENT ON TABLE audit IS 'every change by somebody, in the transaction of the change; each entry is hashed with the hash of the one before it, so that one that is changed, removed or moved shows';

CREATE TABLE audit_head (
  one    boolean PRIMARY KEY DEFAULT true CHECK (one),
  number bigint NOT NULL,
  hash   bytea NOT NULL
);
INSERT INTO audit_head (number, hash) VALUES (0, '\x0000000000000000000000000000000000000000000000000000000000000000');
COMMENT ON TABLE audit_head IS 'the last entry of the trail; who adds one locks this row';

CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit trail is only added to' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();
CREATE TRIGGER audit_head_stays BEFORE DELETE OR TRUNCATE ON audit_head FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();
REVOKE ALL ON account, login_failure, session, token, audit, audit_head FROM PUBLIC;

-- Which parts of the network an organisation has something of.
CREATE TABLE organisation_node (
  node         int NOT NULL,
  organisation int NOT NULL,
  PRIMARY KEY (node, organisation)
);
CREATE INDEX ON organisation_node (organisation, node);
COMMENT ON TABLE organisation_node IS 'organisations of a node itself and of the usage points and nodes below it, now; 0 stands for what belongs to none. Made anew with each import and each hour';
CREATE INDEX ON usage_point_version (organisation, usage_point);
