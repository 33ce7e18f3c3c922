INSERT INTO book_cell (book, month, day, unit, category, ci, cms, figures, customers)
SELECT $1, s.month, s.day, u.number, s.category, s.ci, s.cms, s.figures::jsonb, s.customers
FROM unnest($2::text[], $3::int[], $4::int[], $5::text[], $6::bigint[], $7::bigint[], $8::text[], $9::bytea[])
  s (path, month, day, category, ci, cms, figures, customers)
JOIN book_unit u USING (path)
ON CONFLICT (book, month, day, unit, category) DO UPDATE SET (ci, cms, figures, customers) = ROW (EXCLUDED.ci, EXCLUDED.cms, EXCLUDED.figures, EXCLUDED.customers)
