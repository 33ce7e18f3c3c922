SELECT i.* FROM installation i WHERE i.usage_point IN (SELECT usage_point FROM part.own_point)
