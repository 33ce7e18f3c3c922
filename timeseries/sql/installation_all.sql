SELECT device, usage_point, valid_from, valid_to FROM installation ORDER BY device, valid_from
