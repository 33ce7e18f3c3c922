-- What a device measured while it was at a usage point of the part or stood for a node of its own: meters move on.
SELECT r.* FROM reading_other r
WHERE EXISTS (SELECT FROM installation i WHERE i.device = r.meter AND i.valid_from <= r.time AND r.time < i.valid_to
                AND i.usage_point IN (SELECT usage_point FROM part.own_point))
   OR EXISTS (SELECT FROM device_node a WHERE a.device = r.meter AND a.valid_from <= r.time AND r.time < a.valid_to
                AND a.node IN (SELECT node FROM part.own_node))
