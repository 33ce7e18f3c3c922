SELECT 'organisation', wanted FROM unnest($1::text[]) AS wanted WHERE NOT EXISTS (SELECT FROM organisation o WHERE o.id = wanted) LIMIT 1
