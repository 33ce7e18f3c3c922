INSERT INTO read_success (hour, organisation, gateway, model, schedule, quantity, expected, in_time, late)
SELECT $1, c.organisation, c.gateway, c.model, $2, $3, c.expected, c.in_time, c.late
FROM unnest($4::int[], $5::int[], $6::text[], $7::int[], $8::int[], $9::int[]) AS c (organisation, gateway, model, expected, in_time, late)
ON CONFLICT (hour, organisation, gateway, model, schedule, quantity) DO UPDATE SET expected = EXCLUDED.expected, in_time = EXCLUDED.in_time, late = EXCLUDED.late
