SELECT count(n.id)::int AS new,
       (count(*) FILTER (WHERE n.id IS NULL AND c.id IS NOT NULL))::int AS changed,
       (count(*) FILTER (WHERE n.id IS NULL AND c.id IS NULL))::int AS unchanged
FROM import_line l
LEFT JOIN import_new n USING (id)
LEFT JOIN (SELECT DISTINCT id FROM import_changed) c USING (id)
