-- Energy of the usage points below a node, hour by hour. The network, who is supplied from where and which meter is
-- where are taken as they were in each hour. An hour counts for a meter when a register was read in it and in the
-- next. Indexes: node_version (parent), usage_point_version (node), installation (usage_point, valid_from), the key
-- (meter, bucket) of the roll-up.
WITH RECURSIVE below AS (
  SELECT v.node, greatest(v.valid_from, $2) AS valid_from, least(v.valid_to, $3) AS valid_to
  FROM node n JOIN node_version v ON v.node = n.number
  WHERE n.id = $1 AND v.valid_from < $3 AND $2 < v.valid_to
  UNION ALL
  SELECT v.node, greatest(v.valid_from, b.valid_from), least(v.valid_to, b.valid_to)
  FROM below b JOIN node_version v ON v.parent = b.node AND v.valid_from < b.valid_to AND b.valid_from < v.valid_to
), point AS (
  SELECT v.usage_point, greatest(v.valid_from, b.valid_from) AS valid_from, least(v.valid_to, b.valid_to) AS valid_to
  FROM below b JOIN usage_point_version v ON v.node = b.node AND v.valid_from < b.valid_to AND b.valid_from < v.valid_to
), span AS (
  SELECT valid_from, valid_to, count(DISTINCT usage_point) AS usage_points FROM point GROUP BY valid_from, valid_to
), metered AS (
  SELECT p.usage_point, i.device, greatest(i.valid_from, p.valid_from) AS valid_from, least(i.valid_to, p.valid_to) AS valid_to
  FROM point p JOIN installation i ON i.usage_point = p.usage_point AND i.valid_from < p.valid_to AND p.valid_from < i.valid_to
), register AS (
  SELECT r.meter, r.bucket, r.import_wh_first, r.export_wh_first, lead(r.bucket) OVER w AS next,
         lead(r.import_wh_first) OVER w AS import_next, lead(r.export_wh_first) OVER w AS export_next
  FROM (SELECT DISTINCT device FROM metered) m
  CROSS JOIN LATERAL (SELECT meter, bucket, import_wh_first, export_wh_first FROM reading_hour
                      WHERE meter = m.device AND bucket >= $2 AND bucket < $3 + INTERVAL '1 hour' OFFSET 0) r
  WINDOW w AS (PARTITION BY r.meter ORDER BY r.bucket)
), counted AS (
  SELECT r.bucket, m.usage_point, r.import_next - r.import_wh_first AS import_wh, greatest(r.export_next - r.export_wh_first, 0) AS export_wh
  FROM register r JOIN metered m ON m.device = r.meter AND m.valid_from <= r.bucket AND r.bucket < m.valid_to
  WHERE r.next = r.bucket + INTERVAL '1 hour' AND r.import_next >= r.import_wh_first AND r.bucket < $3
), summed AS (
  SELECT bucket, sum(import_wh)::bigint AS import_wh, coalesce(sum(export_wh), 0)::bigint AS export_wh, count(DISTINCT usage_point)::int AS reported
  FROM counted GROUP BY bucket
)
SELECT h.hour, coalesce(s.import_wh, 0), coalesce(s.export_wh, 0), coalesce(s.reported, 0),
       coalesce((SELECT sum(usage_points) FROM span WHERE span.valid_from <= h.hour AND h.hour < span.valid_to), 0)::int
FROM generate_series($2::timestamptz, $3::timestamptz - INTERVAL '1 microsecond', INTERVAL '1 hour') AS h (hour)
LEFT JOIN summed s ON s.bucket = h.hour
ORDER BY h.hour
