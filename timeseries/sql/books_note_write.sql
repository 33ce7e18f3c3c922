INSERT INTO book_note AS n (book, month, cause, count) SELECT $1, * FROM unnest($2::int[], $3::text[], $4::bigint[])
ON CONFLICT (book, month, cause) DO UPDATE SET count = n.count + EXCLUDED.count
