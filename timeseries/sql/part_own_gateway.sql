-- Gateways all of whose devices are the part's own.
SELECT DISTINCT d.gateway AS device
FROM device d
WHERE d.gateway IS NOT NULL AND d.number IN (SELECT device FROM part.own_device)
  AND NOT EXISTS (SELECT FROM device o WHERE o.gateway = d.gateway AND o.number NOT IN (SELECT device FROM part.own_device))
