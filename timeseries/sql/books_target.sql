SELECT o.id, t.year, t.index, t.value::text FROM target t JOIN organisation o ON o.number = t.organisation ORDER BY o.id, t.year, t.index
