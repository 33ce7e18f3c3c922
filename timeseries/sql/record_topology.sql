INSERT INTO topology_fault (usage_point, node, against)
SELECT DISTINCT ON (u.number) u.number, n.number, f.against
FROM unnest($1::text[], $2::text[], $3::int[]) WITH ORDINALITY AS f (usage_point, node, against, line)
JOIN usage_point u ON u.id = f.usage_point JOIN node n ON n.id = f.node
ORDER BY u.number, f.line DESC
ON CONFLICT (usage_point) DO UPDATE SET node = EXCLUDED.node, against = EXCLUDED.against, written = now()
