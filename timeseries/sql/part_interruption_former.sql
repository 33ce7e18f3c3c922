SELECT i.* FROM interruption_former i WHERE i.usage_point IN (SELECT usage_point FROM part.own_point)
