-- Each becomes the next version of its interval, if it says something else than the one that holds. An estimate never follows a
-- measured value.
INSERT INTO value_version (usage_point, quantity, value_from, value_to, version, state, wh, method, summed, absent, made, reason)
SELECT n.usage_point, n.quantity, n.value_from, n.value_to, coalesce(c.version, 0) + 1, n.state, n.wh, n.method, n.summed, n.absent, n.made, n.reason
FROM unnest($1::int[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::bigint[], $7::text[], $8::boolean[], $9::text[], $10::timestamptz[], $11::text[])
  AS n (usage_point, quantity, value_from, value_to, state, wh, method, summed, absent, made, reason)
LEFT JOIN LATERAL (
  SELECT version, state, wh, method, summed, absent FROM value_version v
  WHERE v.usage_point = n.usage_point AND v.quantity = n.quantity AND v.value_from = n.value_from AND v.value_to = n.value_to
  ORDER BY version DESC LIMIT 1
) c ON true
WHERE (c.state, c.wh, c.method, c.summed, c.absent) IS DISTINCT FROM (n.state, n.wh, n.method, n.summed, n.absent)
  AND NOT (n.state = 'estimated' AND c.state IS NOT DISTINCT FROM 'measured')
