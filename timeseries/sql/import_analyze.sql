ANALYZE organisation, organisation_version, node, node_version, usage_point, usage_point_version, device, installation
