SELECT f.* FROM finding f WHERE f.usage_point IN (SELECT usage_point FROM part.own_point)
