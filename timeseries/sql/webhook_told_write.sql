INSERT INTO webhook_told (subject, over, face)
SELECT DISTINCT ON (subject) subject, over, face FROM unnest($1::text[], $2::boolean[], $3::text[]) WITH ORDINALITY n (subject, over, face, line) ORDER BY subject, line DESC
ON CONFLICT (subject) DO UPDATE SET over = EXCLUDED.over, face = EXCLUDED.face, written = now()
