SELECT device, usage_point, part, valid_from, valid_to FROM duty_member WHERE valid_from < $2 AND valid_to >= $1
