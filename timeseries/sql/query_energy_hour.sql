-- First and last registers of each bucket of the meters of a usage point, from the roll-up; buckets in which a meter
-- came or went are read from the readings themselves, as far as it was installed. Behind the end comes the next bucket
-- that has a register. Indexes: installation (usage_point, valid_from), the key (meter, bucket) of the roll-up, the
-- primary key (meter, time) of reading.
WITH placed AS (
  SELECT i.device, d.id AS meter, i.valid_from, i.valid_to
  FROM usage_point u JOIN installation i ON i.usage_point = u.number JOIN device d ON d.number = i.device
  WHERE u.id = $1 AND i.valid_from < $3 AND $2 < i.valid_to
), edge AS (
  SELECT p.*, e.bucket
  FROM placed p CROSS JOIN LATERAL (SELECT date_trunc('hour', p.valid_from, 'UTC') AS bucket UNION SELECT date_trunc('hour', p.valid_to, 'UTC') WHERE p.valid_to < 'infinity') e
  WHERE e.bucket >= $2
)
SELECT p.meter, r.bucket, r.import_first_time, r.import_wh_first, r.import_last_time, r.import_wh_last,
       r.export_first_time, r.export_wh_first, r.export_last_time, r.export_wh_last
FROM placed p CROSS JOIN LATERAL (
  SELECT bucket, import_first_time, import_wh_first, import_last_time, import_wh_last, export_first_time, export_wh_first, export_last_time, export_wh_last
  FROM reading_hour
  WHERE meter = p.device AND bucket >= $2 AND bucket < $3 AND bucket > date_trunc('hour', p.valid_from, 'UTC') AND (p.valid_to = 'infinity' OR bucket < date_trunc('hour', p.valid_to, 'UTC'))
  UNION ALL
  (SELECT bucket, import_first_time, import_wh_first, import_last_time, import_wh_last, export_first_time, export_wh_first, export_last_time, export_wh_last
   FROM reading_hour
   WHERE meter = p.device AND bucket >= $3 AND (p.valid_to = 'infinity' OR bucket < date_trunc('hour', p.valid_to, 'UTC')) AND import_wh_first IS NOT NULL
   ORDER BY bucket LIMIT 1)
  UNION ALL
  (SELECT bucket, NULL, NULL, NULL, NULL, export_first_time, export_wh_first, export_last_time, export_wh_last
   FROM reading_hour
   WHERE meter = p.device AND bucket >= $3 AND (p.valid_to = 'infinity' OR bucket < date_trunc('hour', p.valid_to, 'UTC')) AND import_wh_first IS NULL AND export_wh_first IS NOT NULL
   ORDER BY bucket LIMIT 1)
) r
UNION ALL
SELECT e.meter, e.bucket, r.*
FROM edge e CROSS JOIN LATERAL (
  SELECT min(time) FILTER (WHERE import_wh IS NOT NULL) AS import_first_time,
         (array_agg(import_wh ORDER BY time) FILTER (WHERE import_wh IS NOT NULL))[1] AS import_wh_first,
         max(time) FILTER (WHERE import_wh IS NOT NULL) AS import_last_time,
         (array_agg(import_wh ORDER BY time DESC) FILTER (WHERE import_wh IS NOT NULL))[1] AS import_wh_last,
         min(time) FILTER (WHERE export_wh IS NOT NULL) AS export_first_time,
         (array_agg(export_wh ORDER BY time) FILTER (WHERE export_wh IS NOT NULL))[1] AS export_wh_first,
         max(time) FILTER (WHERE export_wh IS NOT NULL) AS export_last_time,
         (array_agg(export_wh ORDER BY time DESC) FILTER (WHERE export_wh IS NOT NULL))[1] AS export_wh_last
  FROM reading
  WHERE meter = e.device AND time >= greatest(e.bucket, e.valid_from) AND time < least(e.bucket + INTERVAL '1 hour', e.valid_to)
) r
WHERE r.import_first_time IS NOT NULL OR r.export_first_time IS NOT NULL
ORDER BY 1, 2
