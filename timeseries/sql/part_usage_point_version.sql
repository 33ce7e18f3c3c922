SELECT v.* FROM usage_point_version v WHERE v.usage_point IN (SELECT usage_point FROM part.own_point)
