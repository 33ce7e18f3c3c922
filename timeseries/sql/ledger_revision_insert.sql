INSERT INTO ledger_revision (revision, author, reason) VALUES ($1, $2, $3)
