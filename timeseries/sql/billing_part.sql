SELECT bytes FROM billing_snapshot WHERE run = (SELECT min(number) FROM billing_run WHERE id = $1) AND part = $2
