SELECT device, usage_point, valid_from, nullif(valid_to, 'infinity')
FROM installation
ORDER BY device, valid_from
