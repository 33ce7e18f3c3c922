INSERT INTO arrival (hour, first, last, again, reads) SELECT * FROM unnest($1::timestamptz[], $2::timestamptz[], $3::timestamptz[], $4::int[], $5::bytea[])
