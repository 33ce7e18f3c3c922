INSERT INTO quarantine (received, device, protocol, address, raw, reason, detail)
SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[])
