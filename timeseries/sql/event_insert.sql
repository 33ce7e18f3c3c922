INSERT INTO event (device, time, type, seq, detail, duration, phases, quality, received, gateway)
SELECT device, time, type, seq, detail, duration, phases, quality, received, NULLIF(gateway, 0)
FROM unnest($1::int[], $2::timestamptz[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::smallint[], $8::smallint[], $9::timestamptz[], $10::int[])
  AS new (device, time, type, seq, detail, duration, phases, quality, received, gateway)
ORDER BY device, time, type, seq, detail
ON CONFLICT (device, time, type, seq, detail) DO NOTHING
