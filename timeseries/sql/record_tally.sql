INSERT INTO segment_tally (day, segment, proven, gasped, logged, returned, "false", meter_days)
SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::int[], $4::int[], $5::int[], $6::int[], $7::int[], $8::double precision[])
ON CONFLICT (day, segment) DO UPDATE SET proven = EXCLUDED.proven, gasped = EXCLUDED.gasped, logged = EXCLUDED.logged, returned = EXCLUDED.returned,
  "false" = EXCLUDED."false", meter_days = EXCLUDED.meter_days
