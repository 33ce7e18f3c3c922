INSERT INTO quantity (name) SELECT DISTINCT name FROM unnest($1::text[]) AS new (name)
WHERE (SELECT count(*) FROM quantity) + cardinality($1) <= 30000
ORDER BY name
ON CONFLICT (name) DO NOTHING
