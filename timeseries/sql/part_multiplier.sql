SELECT m.* FROM multiplier m WHERE m.usage_point IN (SELECT usage_point FROM part.own_point)
