-- Nodes that nobody else has anything of.
SELECT s.node FROM part.seen_node s
WHERE NOT EXISTS (SELECT FROM organisation_node o WHERE o.node = s.node AND o.organisation <> ALL ((SELECT part.mine())::int[]))
