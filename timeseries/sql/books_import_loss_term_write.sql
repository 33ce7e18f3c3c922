INSERT INTO loss_term (unit, line, side, sign, point, register, label) SELECT id, line, side, sign, point, register, label FROM import_line
