INSERT INTO book_cell (book, month, day, unit, category, ci, cms, figures, customers)
SELECT $1, s.month, nullif(s.day, $2), u.number, s.category, s.ci, s.cms, s.figures::jsonb, s.customers
FROM unnest($3::text[], $4::int[], $5::int[], $6::text[], $7::bigint[], $8::bigint[], $9::text[], $10::bytea[])
  s (path, month, day, category, ci, cms, figures, customers)
JOIN book_unit u USING (path)
ON CONFLICT (book, month, day, unit, category) DO UPDATE SET (ci, cms, figures, customers) = ROW (EXCLUDED.ci, EXCLUDED.cms, EXCLUDED.figures, EXCLUDED.customers)
