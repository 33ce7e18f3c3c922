-- What was found again stays as it was found first; what is no longer found is gone.
WITH said AS (
  SELECT * FROM unnest($6::int[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::text[]) AS n (usage_point, rule, found_from, found_to, detail)
), gone AS (
  UPDATE finding f SET gone = $5
  WHERE f.usage_point = ANY ($1) AND f.quantity = $2 AND f.found_from >= $3 AND f.found_from < $4 AND f.gone IS NULL
    AND NOT EXISTS (SELECT FROM said n WHERE n.usage_point = f.usage_point AND n.rule = f.rule AND n.found_from = f.found_from)
)
INSERT INTO finding (usage_point, quantity, rule, found_from, found_to, detail, found)
SELECT usage_point, $2, rule, found_from, found_to, detail, $5 FROM said
ON CONFLICT (found_from, usage_point, quantity, rule) DO UPDATE SET found_to = EXCLUDED.found_to, detail = EXCLUDED.detail, gone = NULL
WHERE (finding.found_to, finding.detail) IS DISTINCT FROM (EXCLUDED.found_to, EXCLUDED.detail) OR finding.gone IS NOT NULL
