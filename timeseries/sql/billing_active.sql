SELECT usage_point, valid_from, nullif(valid_to, 'infinity') FROM usage_point_version WHERE usage_point = ANY ($1) ORDER BY usage_point, valid_from
