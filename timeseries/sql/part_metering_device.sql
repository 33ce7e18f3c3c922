-- Devices that are or were at a usage point of the part or at a node of its own: what they measured there is the part's. Of those that
-- have moved on, the gateway that they are behind now is not.
SELECT d.number, d.id, d.protocol, d.profile, CASE WHEN d.number IN (SELECT device FROM part.own_device) THEN d.gateway END AS gateway
FROM device d
WHERE d.number IN (
  SELECT i.device FROM installation i WHERE i.usage_point IN (SELECT usage_point FROM part.own_point)
  UNION
  SELECT a.device FROM device_node a WHERE a.node IN (SELECT node FROM part.own_node)
)
