-- A device that is not the part's own alone.
SELECT 'device', x.id FROM (SELECT $1::text) AS x (id)
WHERE NOT EXISTS (SELECT FROM device d WHERE d.id = x.id AND d.number IN (SELECT device FROM part.own_device UNION ALL SELECT device FROM part.own_gateway))
