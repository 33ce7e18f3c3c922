INSERT INTO import_new (id) SELECT DISTINCT id FROM import_line l WHERE NOT EXISTS (SELECT FROM loss_term t WHERE t.unit = l.id)
