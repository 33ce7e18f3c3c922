-- Gateways are seen by whoever has a device behind them.
SELECT d.* FROM device d
WHERE d.number IN (SELECT device FROM part.own_device
                   UNION SELECT b.gateway FROM device b WHERE b.gateway IS NOT NULL AND b.number IN (SELECT device FROM part.own_device))
