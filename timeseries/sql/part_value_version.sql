SELECT v.* FROM value_version v WHERE v.usage_point IN (SELECT usage_point FROM part.own_point)
