SELECT number, coalesce(id, ''), state, author, asked, made, run_from, run_to, quantities, selection, with_values, gate, lines, passed, held, bytes, reason, part FROM billing_run
