SELECT i.* FROM interruption i WHERE i.usage_point IN (SELECT usage_point FROM part.own_point)
