INSERT INTO duty_part (number, organisation, gateway, model) SELECT * FROM unnest($1::int[], $2::int[], $3::int[], $4::text[])
