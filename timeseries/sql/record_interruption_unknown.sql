SELECT 'usage point', '#' || usage_point FROM record_interruption r WHERE NOT EXISTS (SELECT FROM usage_point u WHERE u.number = r.usage_point) LIMIT 1
