-- Nodes that the part has something of: own ones, and those above. Index: organisation_node (organisation, node).
SELECT DISTINCT node FROM organisation_node WHERE organisation = ANY ((SELECT part.mine())::int[])
