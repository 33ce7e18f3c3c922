SELECT unit, side, sign, point, register, label FROM loss_term ORDER BY unit, line
