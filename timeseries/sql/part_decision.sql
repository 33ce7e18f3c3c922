-- About outages that do not reach beyond the part.
SELECT d.* FROM decision d JOIN outage o ON o.number = d.outage
WHERE o.node IN (SELECT node FROM part.own_node) OR o.usage_point IN (SELECT usage_point FROM part.own_point)
