SELECT v.* FROM node_version v WHERE v.node IN (SELECT node FROM part.seen_node)
