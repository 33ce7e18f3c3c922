DELETE FROM multiplier m USING usage_point u WHERE u.number = m.usage_point AND u.id IN (SELECT id FROM import_line)
