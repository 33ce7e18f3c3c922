INSERT INTO reading_history (meter, time, quantity, value, received)
SELECT * FROM unnest($1::int[], $2::timestamptz[], $3::text[], $4::numeric[], $5::timestamptz[])
