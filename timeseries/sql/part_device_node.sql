SELECT a.* FROM device_node a WHERE a.node IN (SELECT node FROM part.own_node)
