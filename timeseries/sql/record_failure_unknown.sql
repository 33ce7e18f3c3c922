SELECT 'usage point', c.id FROM unnest($1::text[]) AS c (id) WHERE NOT EXISTS (SELECT FROM usage_point u WHERE u.id = c.id) LIMIT 1
