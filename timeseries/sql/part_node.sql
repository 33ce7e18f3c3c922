SELECT n.* FROM node n WHERE n.number IN (SELECT node FROM part.seen_node)
