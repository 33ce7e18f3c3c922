INSERT INTO billing_run (state, author, run_from, run_to, quantities, selection, with_values, gate, part)
VALUES ('asked', $1, $2, $3, $4, $5, $6, $7, $8) RETURNING number, asked
