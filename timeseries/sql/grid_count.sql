-- How long the lists of the registry will be; in the snapshot in which they are read.
SELECT (SELECT count(*) FROM usage_point_version), (SELECT count(*) FROM device), (SELECT count(*) FROM installation)
