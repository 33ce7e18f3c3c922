-- A new revision of the ledger by an operator.
WITH revised AS (
  UPDATE detection SET revision = revision + 1 RETURNING revision
)
INSERT INTO ledger_revision (revision, author, reason) SELECT revision, 'operator', $1 FROM revised RETURNING revision
