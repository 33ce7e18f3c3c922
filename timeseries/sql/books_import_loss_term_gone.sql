DELETE FROM loss_term WHERE unit IN (SELECT id FROM import_line)
