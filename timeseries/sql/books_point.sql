SELECT v.usage_point, v.node, coalesce(v.organisation, 0), v.phases, v.connected_va, v.valid_from, nullif(v.valid_to, 'infinity')
FROM usage_point_version v
