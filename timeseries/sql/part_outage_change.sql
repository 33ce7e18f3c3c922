-- Of outages that do not reach beyond the part.
SELECT c.* FROM outage_change c JOIN outage o ON o.number = c.outage
WHERE o.node IN (SELECT node FROM part.own_node) OR o.usage_point IN (SELECT usage_point FROM part.own_point)
