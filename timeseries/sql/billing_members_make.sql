INSERT INTO duty_member (device, usage_point, part, valid_from, valid_to)
SELECT i.device, i.usage_point, p.number, greatest(i.valid_from, v.valid_from), least(i.valid_to, v.valid_to)
FROM installation i
JOIN device d ON d.number = i.device
JOIN usage_point_version v ON v.usage_point = i.usage_point AND v.valid_from < i.valid_to AND i.valid_from < v.valid_to
JOIN duty_part p ON p.organisation = coalesce(v.organisation, 0) AND p.gateway = coalesce(d.gateway, 0) AND p.model = d.profile
WHERE least(i.valid_to, v.valid_to) >= $1
ORDER BY i.device
