SELECT u.* FROM usage_point u WHERE u.number IN (SELECT usage_point FROM part.own_point)
