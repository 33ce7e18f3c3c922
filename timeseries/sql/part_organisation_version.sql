SELECT v.* FROM organisation_version v WHERE v.organisation = ANY ((SELECT part.mine())::int[])
