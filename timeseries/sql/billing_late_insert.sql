INSERT INTO late_read (hour, meters)
SELECT hour, array_agg(DISTINCT meter) FROM unnest($1::timestamptz[], $2::int[]) AS l (hour, meter) GROUP BY hour
