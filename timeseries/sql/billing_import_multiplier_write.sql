INSERT INTO multiplier (usage_point, valid_from, valid_to, numerator, denominator)
SELECT u.number, l.valid_from, l.valid_to, l.numerator, l.denominator FROM import_line l JOIN usage_point u ON u.id = l.id
