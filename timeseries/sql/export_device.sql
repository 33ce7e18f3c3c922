-- Devices in the order of their numbers, and where each was installed in a time. Indexes: device (number), installation
-- (device, valid_from). In place of the mark stand export_device_of_*.sql as far as they are asked for: with one of
-- usage points, only installations count.
WITH chosen AS MATERIALIZED (
  SELECT d.number, d.id
  FROM metering_device d
  WHERE d.number > $1 AND $5::text[] IS NOT NULL AND $6::text[] IS NOT NULL AND $7::text IS NOT NULL AND $8::text IS NOT NULL
    /*devices*/
  ORDER BY d.number LIMIT $2
)
SELECT c.number, c.id, u.id, coalesce(i.valid_from, '-infinity'), coalesce(i.valid_to, 'infinity')
FROM chosen c
LEFT JOIN installation i ON i.device = c.number AND i.valid_from < $4 AND $3 < i.valid_to
LEFT JOIN usage_point u ON u.number = i.usage_point
WHERE true /*installations*/
ORDER BY c.number, i.valid_from
