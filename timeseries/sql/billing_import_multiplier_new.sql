INSERT INTO import_new (id)
SELECT DISTINCT l.id FROM import_line l JOIN usage_point u ON u.id = l.id WHERE NOT EXISTS (SELECT FROM multiplier m WHERE m.usage_point = u.number)
