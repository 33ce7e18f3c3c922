SELECT g.* FROM gap g WHERE g.usage_point IN (SELECT usage_point FROM part.own_point)
