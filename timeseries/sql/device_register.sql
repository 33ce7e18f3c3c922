INSERT INTO device (id, kind, state, protocol)
SELECT id, kind, 'unassigned', $3 FROM unnest($1::text[], $2::text[]) AS new (id, kind)
ORDER BY 1
ON CONFLICT (id) DO NOTHING
