INSERT INTO import_changed (id)
SELECT DISTINCT unit FROM (
  (SELECT id AS unit, side, sign, point, register, label FROM import_line EXCEPT SELECT unit, side, sign, point, register, label FROM loss_term)
  UNION ALL
  (SELECT unit, side, sign, point, register, label FROM loss_term WHERE unit IN (SELECT id FROM import_line) EXCEPT SELECT id, side, sign, point, register, label FROM import_line)
) d
