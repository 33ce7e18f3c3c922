SELECT model, digits, unit_wh, max_w, every, calendar, tolerance, registers, nominal_v, rated_a FROM meter_type ORDER BY model
