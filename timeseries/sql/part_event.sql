-- As with readings; and of gateways none of whose devices is anybody else's.
SELECT e.* FROM event e
WHERE EXISTS (SELECT FROM installation i WHERE i.device = e.device AND i.valid_from <= e.time AND e.time < i.valid_to
                AND i.usage_point IN (SELECT usage_point FROM part.own_point))
   OR EXISTS (SELECT FROM device_node a WHERE a.device = e.device AND a.valid_from <= e.time AND e.time < a.valid_to
                AND a.node IN (SELECT node FROM part.own_node))
   OR e.device IN (SELECT device FROM part.own_gateway)
