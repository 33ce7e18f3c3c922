-- Logins that have begun here and go on at an identity provider.

CREATE TABLE login_attempt (
  hash    bytea PRIMARY KEY,
  expires timestamptz NOT NULL
);
CREATE INDEX ON login_attempt (expires);
COMMENT ON TABLE login_attempt IS 'logins under way at an identity provider; a row is taken away by the one who comes back, so that nobody comes back twice';
COMMENT ON COLUMN login_attempt.hash IS 'SHA-256 of 256 random bits that only the browser has';
REVOKE ALL ON login_attempt FROM PUBLIC;
