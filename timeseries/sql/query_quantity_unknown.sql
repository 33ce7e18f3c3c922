SELECT wanted FROM unnest($1::text[]) AS wanted WHERE NOT EXISTS (SELECT FROM quantity q WHERE q.name = wanted) LIMIT 1
