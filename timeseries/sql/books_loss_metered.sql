-- Usage points that are there at the end, and devices that stand for a node, with the registers nearest before both
-- moments. A usage point whose meter was exchanged in between, or whose registers are missing, has none.
WITH place AS (
  SELECT u.id, u.number AS point, '' AS node,
         (SELECT i.device FROM installation i WHERE i.usage_point = u.number AND i.valid_from <= $1 AND i.valid_to >= $2 ORDER BY i.device LIMIT 1) AS device
  FROM usage_point u WHERE EXISTS (SELECT FROM usage_point_version v WHERE v.usage_point = u.number AND v.valid_from < $2 AND v.valid_to >= $2)
  UNION ALL
  SELECT d.id, 0, n.id, CASE WHEN dn.valid_from <= $1 THEN d.number END
  FROM device_node dn JOIN device d ON d.number = dn.device JOIN node n ON n.number = dn.node
  WHERE dn.valid_from < $2 AND dn.valid_to >= $2
)
SELECT p.id, p.point, p.node, a.time IS NOT NULL AND b.time IS NOT NULL, a.time, b.time,
       coalesce(b.import_wh - a.import_wh, 0), coalesce(b.export_wh - a.export_wh, 0)
FROM place p
LEFT JOIN LATERAL (SELECT time, import_wh, export_wh FROM reading r WHERE r.meter = p.device AND r.time <= $1 AND r.time > $1 - interval '1 day'
                   AND r.import_wh IS NOT NULL AND r.quality & 4 = 0 ORDER BY r.time DESC LIMIT 1) a ON true
LEFT JOIN LATERAL (SELECT time, import_wh, export_wh FROM reading r WHERE r.meter = p.device AND r.time <= $2 AND r.time > $2 - interval '1 day'
                   AND r.import_wh IS NOT NULL AND r.quality & 4 = 0 ORDER BY r.time DESC LIMIT 1) b ON true
