INSERT INTO load_profile (class, day, minute, share) SELECT id, day, minute, share FROM import_line
