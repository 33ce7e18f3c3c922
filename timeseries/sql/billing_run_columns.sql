SELECT number, coalesce(id, ''), state, author, asked, made, run_from, run_to, quantities, selection, with_values, gate, lines, passed, held, bytes, reason, part,
       coalesce(review_of, 0), coalesce((SELECT max(v.number) FROM billing_run v WHERE v.review_of = billing_run.number AND v.state = 'made'), 0), coalesce(revision, 0)
FROM billing_run
