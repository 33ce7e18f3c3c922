INSERT INTO import_changed (id)
SELECT DISTINCT id FROM (
  (SELECT id, numerator, denominator, valid_from, valid_to FROM import_line EXCEPT SELECT u.id, numerator, denominator, valid_from, valid_to FROM multiplier m JOIN usage_point u ON u.number = m.usage_point)
  UNION ALL
  (SELECT u.id, numerator, denominator, valid_from, valid_to FROM multiplier m JOIN usage_point u ON u.number = m.usage_point WHERE u.id IN (SELECT id FROM import_line)
   EXCEPT SELECT id, numerator, denominator, valid_from, valid_to FROM import_line)
) d
