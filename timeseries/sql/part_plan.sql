-- Plans that concern somebody of the part.
SELECT p.* FROM plan p
WHERE p.node IN (SELECT node FROM part.seen_node) OR EXISTS (SELECT FROM unnest(p.usage_points) AS x (number) WHERE x.number IN (SELECT usage_point FROM part.own_point))
