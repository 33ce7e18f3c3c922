INSERT INTO import_changed (id)
SELECT DISTINCT id FROM (
  (SELECT id, day, minute, share FROM import_line EXCEPT SELECT class, day, minute, share FROM load_profile)
  UNION ALL
  (SELECT class, day, minute, share FROM load_profile WHERE class IN (SELECT id FROM import_line) EXCEPT SELECT id, day, minute, share FROM import_line)
) d (id)
