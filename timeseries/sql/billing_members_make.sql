SELECT i.device, i.usage_point, coalesce(v.organisation, 0), coalesce(d.gateway, 0), d.profile, greatest(i.valid_from, v.valid_from), least(i.valid_to, v.valid_to)
FROM installation i
JOIN device d ON d.number = i.device
JOIN usage_point_version v ON v.usage_point = i.usage_point AND v.valid_from < i.valid_to AND i.valid_from < v.valid_to
WHERE least(i.valid_to, v.valid_to) >= $1
