-- A new revision of the ledger, where the file changes something.
WITH revised AS (
  UPDATE detection SET revision = revision + 1 WHERE EXISTS (SELECT FROM import_row) RETURNING revision
)
INSERT INTO ledger_revision (revision, author, reason) SELECT revision, 'import', '' FROM revised
