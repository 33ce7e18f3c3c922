DELETE FROM load_profile WHERE class IN (SELECT id FROM import_line)
