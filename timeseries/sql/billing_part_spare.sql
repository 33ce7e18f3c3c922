DELETE FROM billing_snapshot WHERE run = $1 AND EXISTS (SELECT FROM billing_run r WHERE r.id = $2 AND r.number <> $1)
