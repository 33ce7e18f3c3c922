-- Indexes: device (number) WHERE state = 'unassigned', quarantine (id) WHERE replayed IS NULL.
SELECT (SELECT count(DISTINCT device) FROM installation WHERE valid_from <= now() AND now() < valid_to),
       (SELECT count(*) FROM device WHERE state = 'unassigned'),
       (SELECT count(*) FROM quarantine WHERE replayed IS NULL),
       (SELECT count(*) FROM quarantine WHERE replayed IS NULL AND received > now() - INTERVAL '1 day'),
       (SELECT count(*) FROM quarantine WHERE replayed IS NULL AND received > now() - INTERVAL '8 days' AND received <= now() - INTERVAL '1 day')
