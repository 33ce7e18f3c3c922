-- How much of everything there is now. Indexes: outage (state), quarantine (id) where it was not replayed, device (number) where
-- it is unassigned; usage points and devices are counted by reading them.
SELECT (SELECT count(*) FROM usage_point_version WHERE valid_from <= now() AND now() < valid_to)::int,
       (SELECT count(*) FROM device WHERE state = 'active' AND kind = 'meter')::int,
       (SELECT count(*) FROM device WHERE state = 'active' AND kind = 'gateway')::int,
       (SELECT count(*) FROM device WHERE state = 'active' AND kind = 'rtu')::int,
       (SELECT count(*) FROM device WHERE state = 'unassigned')::int,
       (SELECT count(*) FROM (SELECT FROM quarantine WHERE replayed IS NULL LIMIT $1) waiting)::int,
       (SELECT count(*) FROM outage WHERE state IN ('suspected', 'confirmed'))::int,
       (SELECT coalesce(sum(out), 0) FROM outage WHERE state IN ('suspected', 'confirmed'))::int
