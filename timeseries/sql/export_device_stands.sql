-- When devices stood for nodes, in a time. Index: the primary key of device_node.
SELECT a.device, a.valid_from, a.valid_to
FROM device_node a
WHERE a.device = ANY ($1) AND a.valid_from < $3 AND $2 < a.valid_to
ORDER BY a.device, a.valid_from
