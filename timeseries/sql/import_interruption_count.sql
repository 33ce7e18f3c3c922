SELECT count(*) FILTER (WHERE r.fresh)::int AS new, count(*) FILTER (WHERE NOT r.fresh)::int AS changed, count(*) FILTER (WHERE r.line IS NULL)::int AS unchanged
FROM import_line l LEFT JOIN import_row r USING (line)
