SELECT members FROM duty_block ORDER BY number
