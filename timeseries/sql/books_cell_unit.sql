INSERT INTO book_unit (path) SELECT DISTINCT path FROM unnest($1::text[]) p (path) WHERE NOT EXISTS (SELECT FROM book_unit u WHERE u.path = p.path)
