UPDATE billing_run SET state = 'made', id = $2, made = now(), lines = $3, passed = $4, held = $5, bytes = $6, revision = $8,
  organisations = ARRAY(SELECT DISTINCT coalesce(o.number, 0) FROM unnest($7::text[]) AS x (id) LEFT JOIN organisation o ON o.id = x.id)
WHERE number = $1
