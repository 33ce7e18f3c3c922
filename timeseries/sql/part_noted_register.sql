-- What was read from the dial while a device was at a usage point of the part, when it came and when it went too.
SELECT n.* FROM noted_register n
WHERE EXISTS (SELECT FROM installation i WHERE i.device = n.device AND i.valid_from <= n.time AND n.time <= i.valid_to
                AND i.usage_point IN (SELECT usage_point FROM part.own_point))
