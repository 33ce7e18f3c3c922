-- Devices that measure a usage point of the part, or did last, and those that stand for a node of its own.
SELECT i.device
FROM installation i
WHERE i.usage_point IN (SELECT usage_point FROM part.own_point) AND i.valid_from <= now()
  AND (i.valid_to > now() OR NOT EXISTS (SELECT FROM installation l WHERE l.device = i.device AND l.valid_from > i.valid_from AND l.valid_from <= now()))
UNION
SELECT a.device
FROM device_node a
WHERE a.node IN (SELECT node FROM part.own_node) AND a.valid_from <= now()
  AND (a.valid_to > now() OR NOT EXISTS (SELECT FROM device_node l WHERE l.device = a.device AND l.valid_from > a.valid_from AND l.valid_from <= now()))
