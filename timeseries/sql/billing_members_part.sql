INSERT INTO duty_part (organisation, gateway, model)
SELECT DISTINCT coalesce(v.organisation, 0), coalesce(d.gateway, 0), d.profile
FROM installation i JOIN device d ON d.number = i.device JOIN usage_point_version v ON v.usage_point = i.usage_point
ON CONFLICT DO NOTHING
