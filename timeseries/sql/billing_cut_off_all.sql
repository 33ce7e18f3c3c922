-- As billing_cut_off.sql, for so many usage points that the readings of the moment are read together; only where there is none meters are
-- looked at one by one. Indexes: reading (time), and the primary key (meter, time) of reading.
SELECT u.id, u.number, coalesce(d.id, ''), coalesce(d.profile, ''), coalesce(i.meters, 0)::int, i.valid_from, i.valid_to, n.wh,
       coalesce(e.time, b.time), coalesce(e.received, b.received), coalesce(e.register, b.register), coalesce(e.quality, b.quality), a.time, a.received, a.register, a.quality,
       m.numerator, m.denominator, m.usage_point IS NULL AND EXISTS (SELECT FROM multiplier o WHERE o.usage_point = u.number)
FROM (SELECT id, number FROM usage_point u WHERE id COLLATE "C" > $5 AND $3::text[] IS NOT NULL AND $4::text IS NOT NULL /*picked*/ ORDER BY id COLLATE "C" LIMIT $6) u
LEFT JOIN LATERAL (
  SELECT device, valid_from, valid_to, count(*) OVER () AS meters FROM installation
  WHERE usage_point = u.number AND valid_from <= $1 AND $1 < valid_to ORDER BY valid_from DESC LIMIT 1
) i ON true
LEFT JOIN metering_device d ON d.number = i.device
LEFT JOIN noted_register n ON n.device = i.device AND n.time = $1 AND n.time = i.valid_from AND n.quantity = '/*register*/'
LEFT JOIN (SELECT meter, time, received, /*register*/ AS register, quality FROM reading WHERE time = $1 AND /*register*/ IS NOT NULL OFFSET 0) e ON e.meter = i.device
LEFT JOIN LATERAL (
  SELECT time, received, /*register*/ AS register, quality FROM reading
  WHERE meter = i.device AND e.meter IS NULL AND time < $1 AND time >= $1 - $2::interval AND /*register*/ IS NOT NULL ORDER BY time DESC LIMIT 1
) b ON true
LEFT JOIN LATERAL (
  SELECT time, received, /*register*/ AS register, quality FROM reading
  WHERE meter = i.device AND e.meter IS NULL AND time > $1 AND time <= $1 + $2::interval AND /*register*/ IS NOT NULL ORDER BY time LIMIT 1
) a ON true
LEFT JOIN multiplier m ON m.usage_point = u.number AND m.valid_from <= $1 AND $1 < m.valid_to
ORDER BY u.id COLLATE "C"
