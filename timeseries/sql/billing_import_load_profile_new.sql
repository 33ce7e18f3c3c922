INSERT INTO import_new (id) SELECT DISTINCT id FROM import_line l WHERE NOT EXISTS (SELECT FROM load_profile p WHERE p.class = l.id)
