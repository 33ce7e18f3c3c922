SELECT o.* FROM organisation o WHERE o.number = ANY ((SELECT part.mine())::int[])
