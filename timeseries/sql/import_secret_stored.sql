SELECT DISTINCT ON (d.number) d.number, d.id, l.line, d.secret_salt, d.secret_hash
FROM import_line l JOIN device d ON d.id = l.id ORDER BY d.number, l.line
